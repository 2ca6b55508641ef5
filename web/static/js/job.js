// One file on its way to the server, as a row: name, what happens, progress.
import { action, cloneOne, fill, part } from "./dom.js";
import { text } from "./text.js";

export class Job {
  // onCancel(): where it can be cancelled, until all is sent
  constructor(file, onCancel) {
    this.element = cloneOne("job-template");
    fill(this.element, { name: file.name });
    this.cancel = action(this.element, "cancel");
    this.cancel.hidden = !onCancel;
    this.cancel.onclick = onCancel;
    this.cancel.setAttribute("aria-label", text.uploads.cancel(file.name));
    this.to("waiting", text.uploads.waiting);
  }

  to(status, words) {
    this.element.dataset.status = status;
    fill(this.element, { status: words });
  }

  // fraction 0..1 sent; then the server works
  sent(fraction, working) {
    const bar = part(this.element, "progress");
    if (fraction < 1) bar.value = fraction;
    else bar.removeAttribute("value");
    if (fraction === 1) this.cancel.hidden = true;
    this.to("busy", fraction < 1 ? text.uploads.sending(Math.floor(fraction * 100)) : working);
  }
}
