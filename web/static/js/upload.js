// Adding music: a queue of files, each with its progress and its result. What failed stands first in the list.
import { sendFile } from "./api.js";
import { byId, say } from "./dom.js";
import { nameOf } from "./format.js";
import { Job } from "./job.js";
import { hold, release } from "./leaving.js";
import { text } from "./text.js";
import { toast } from "./toast.js";

const AT_ONCE = 2; // one is sent while another is analysed
const BUSY = [429, 503]; // statuses of a server that has too much to do
const RETRY_MS = 5000;

export class Uploads {
  constructor({ onAdded, onDone, announcer }) {
    this.queue = [];
    this.running = new Set();
    this.onAdded = onAdded;
    this.onDone = onDone;
    this.announcer = announcer;
    this.reset();
    byId("uploads-clear").onclick = () => this.clear();
    byId("uploads-cancel").onclick = () => this.cancelAll();
  }

  reset() { this.count = { added: 0, known: 0, failed: 0, cancelled: 0 }; }

  clear() {
    byId("uploads-list").replaceChildren();
    byId("uploads").hidden = true;
    byId("upload-files").focus();
    this.reset();
  }

  add(files) {
    if (!files.length) return toast(text.uploads.none);
    for (const file of files) {
      const upload = { file, ends: new AbortController() };
      upload.job = new Job(file, () => this.cancel(upload));
      byId("uploads-list").append(upload.job.element);
      this.queue.push(upload);
    }
    byId("uploads").hidden = false;
    this.pump();
  }

  pump() {
    while (this.running.size < AT_ONCE && this.queue.length) this.run(this.queue.shift());
    this.summarise();
  }

  async run(upload) {
    const { file, job, ends } = upload;
    this.running.add(upload);
    try {
      this.done(job, await sendFile("upload", file, (fraction) => job.sent(fraction, text.uploads.analysing), ends.signal));
    } catch (error) {
      if (ends.signal.aborted) this.finish(job, "cancelled", text.uploads.cancelled);
      else if (BUSY.includes(error.status)) await this.waitAndRetry(upload);
      else this.finish(job, "failed", error.message);
    }
    this.running.delete(upload);
    this.pump();
    if (!this.running.size) this.onDone();
  }

  async waitAndRetry(upload) {
    upload.job.to("waiting", text.uploads.busy);
    upload.job.cancel.hidden = false;
    await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
    if (upload.ends.signal.aborted) this.finish(upload.job, "cancelled", text.uploads.cancelled);
    else this.queue.unshift(upload);
  }

  cancel(upload) {
    const focused = upload.job.element.contains(document.activeElement);
    if (this.running.has(upload)) {
      upload.ends.abort();
    } else {
      this.queue.splice(this.queue.indexOf(upload), 1);
      this.finish(upload.job, "cancelled", text.uploads.cancelled);
      this.summarise();
    }
    if (focused) byId("uploads-list").focus(); // the button that had it is gone
  }

  cancelAll() {
    for (const upload of [...this.queue, ...this.running]) if (!upload.job.cancel.hidden) this.cancel(upload);
    byId("uploads-list").focus();
  }

  done(job, { added, known, failed }) {
    if (failed.length) return this.finish(job, "failed", failed[0].error.replace(`${failed[0].name}: `, "")); // the row has the name
    if (known.length) return this.finish(job, "known", text.uploads.known);
    this.onAdded();
    return this.finish(job, "added", `${text.uploads.added}: ${nameOf(added[0])}`);
  }

  finish(job, status, words) {
    this.count[status] += 1;
    job.cancel.hidden = true;
    job.to(status, words);
    if (status === "failed") byId("uploads-list").prepend(job.element);
  }

  summarise() {
    const left = this.queue.length + this.running.size;
    if (left) hold(this);
    else release(this);
    const summary = text.uploads.summary({ ...this.count, left });
    say(byId("uploads-summary"), summary);
    if (!left) this.announcer.say(summary);
    byId("uploads-clear").hidden = left > 0;
    byId("uploads-cancel").hidden = left === 0;
  }
}
