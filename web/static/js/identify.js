// Naming a file: sent, compared, forgotten.
import { AnswerView } from "./answer-view.js";
import { sendFile } from "./api.js";
import { byId } from "./dom.js";
import { dropZone } from "./drop.js";
import { answerOfFile } from "./heard.js";
import { Job } from "./job.js";
import { text } from "./text.js";

export class Identify {
  constructor({ onPlay, onMatch }) {
    const advice = { ...text.advice, absent: text.advice.absentFile };
    this.view = new AnswerView(byId("identify-answer"), { onPlay, advice });
    this.onMatch = onMatch;
    this.progress = byId("identify-progress");
    const input = byId("identify-file");
    input.onchange = () => { this.run(input.files[0]); input.value = ""; };
    dropZone(byId("identify"), (files) => this.run(files[0]));
  }

  async run(file) {
    if (!file) return;
    const job = new Job(file);
    this.job = job; // a file chosen later takes over
    this.view.clear();
    this.progress.replaceChildren(job.element);
    this.progress.hidden = false;
    try {
      const answer = await sendFile("predict", file, (fraction) => job.sent(fraction, text.uploads.identifying));
      if (job === this.job) this.show(job, answer);
    } catch (error) {
      job.to("failed", error.message);
    }
  }

  show(job, answer) {
    job.to("done", "");
    this.view.show(answerOfFile(answer));
    if (answer.match) this.onMatch(answer.match.track);
  }
}
