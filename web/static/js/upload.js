// Adding music: a queue of files, each with its progress and its result.
import { sendFile } from "./api.js";
import { byId, dropZone, say } from "./dom.js";
import { nameOf } from "./format.js";
import { Job } from "./job.js";
import { text } from "./text.js";

const AT_ONCE = 2; // one is sent while another is analysed

export class Uploads {
  constructor({ onAdded, onDone }) {
    this.queue = [];
    this.running = 0;
    this.onAdded = onAdded;
    this.onDone = onDone;
    this.reset();
    const input = byId("upload-files");
    input.onchange = () => { this.add([...input.files]); input.value = ""; };
    dropZone(byId("library"), (files) => this.add(files));
    byId("uploads-clear").onclick = () => this.clear();
  }

  reset() { this.count = { added: 0, known: 0, failed: 0 }; }

  clear() {
    byId("uploads-list").replaceChildren();
    byId("uploads").hidden = true;
    this.reset();
  }

  add(files) {
    for (const file of files) {
      const job = new Job(file);
      byId("uploads-list").append(job.element);
      this.queue.push({ file, job });
    }
    byId("uploads").hidden = !byId("uploads-list").children.length;
    this.pump();
  }

  pump() {
    while (this.running < AT_ONCE && this.queue.length) this.run(this.queue.shift());
    this.summarise();
  }

  async run({ file, job }) {
    this.running += 1;
    try {
      const answer = await sendFile("upload", file, (fraction) => job.sent(fraction, text.uploads.analysing));
      this.done(job, answer);
    } catch (error) {
      this.finish(job, "failed", error.message);
    }
    this.running -= 1;
    this.pump();
    if (!this.running) this.onDone();
  }

  done(job, { added, known, failed }) {
    if (failed.length) return this.finish(job, "failed", failed[0].error.replace(`${failed[0].name}: `, "")); // the row has the name
    if (known.length) return this.finish(job, "known", text.uploads.known);
    this.onAdded(added[0]);
    return this.finish(job, "added", `${text.uploads.added}: ${nameOf(added[0])}`);
  }

  finish(job, status, words) {
    this.count[status] += 1;
    job.to(status, words);
  }

  summarise() {
    const { added, known, failed } = this.count;
    const left = this.queue.length + this.running;
    say(byId("uploads-summary"), text.uploads.summary(added, known, failed, left));
    byId("uploads-clear").hidden = left > 0;
  }
}
