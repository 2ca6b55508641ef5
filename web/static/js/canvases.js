// The page's side of painter.js, which draws in a thread of its own: without a GPU, a canvas that the page draws itself has the whole page
// put together anew each time. Browsers that cannot do that show no pictures.
import { byId } from "./dom.js";

const still = window.matchMedia("(prefers-reduced-motion: reduce)");
const dark = window.matchMedia("(prefers-color-scheme: dark)");

export class Canvases {
  // onCounts({heard, agree}): of the peaks in the picture
  constructor({ onCounts }) {
    this.all = { dial: byId("rings"), screen: byId("picture") };
    if (!this.all.dial.transferControlToOffscreen) return;
    this.worker = new Worker(new URL("./painter.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => onCounts(data);
    for (const name of Object.keys(this.all)) this.give(name);
    this.calm();
    this.colour();
    still.addEventListener("change", () => this.calm());
    dark.addEventListener("change", () => this.colour());
  }

  // A method of the painter, and its arguments.
  tell(method, ...values) { this.worker?.postMessage([method, ...values]); }

  give(name) {
    const canvas = this.all[name];
    const offscreen = canvas.transferControlToOffscreen();
    this.worker.postMessage(["take", name, offscreen], [offscreen]);
    new ResizeObserver(() => this.tell("fit", name, canvas.clientWidth, canvas.clientHeight, window.devicePixelRatio)).observe(canvas);
  }

  calm() { this.tell("calm", still.matches); }

  // As the style sheet says for the state.
  colour() {
    const { color, borderTopColor } = getComputedStyle(this.all.dial);
    this.tell("colour", color, borderTopColor);
  }
}
