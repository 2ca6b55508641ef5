// A worker that draws what moves while the page listens, told by canvases.js: the dial around the button, and the screen below it.
import { Dial } from "./dial.js";

// Between two drawings, which dial and screen take in turn, five times a second each: all in between them that is drawn at the same time
// is put together anew, and without a GPU that costs more than the drawing.
const FRAME_MS = 60; // less than a block of sound, so that with a microphone each is drawn
const CALM_MS = 500; // for who wishes less motion

class Painter {
  constructor() {
    this.canvases = {};
    this.sizes = { screen: [0, 0, 1] }; // while it is not shown
    this.dial = new Dial();
    this.drawnAt = 0;
  }

  take(name, canvas) {
    this.canvases[name] = canvas;
    if (name === "dial") this.dial.begin(canvas);
  }

  // In CSS pixels, and device pixels a CSS pixel
  fit(name, ...size) {
    this.sizes[name] = size;
    this[name]?.fit(...size);
  }

  calm(calm) {
    this.pause = calm ? CALM_MS : FRAME_MS;
    this.dial.calm(calm);
  }

  colour(ink, back) { this.dial.colour(ink, back); }

  // A new listening; the screen is not fetched before it is needed.
  async begin(constellation, threshold, sampleRate) {
    const { Screen } = await import("./screen.js");
    this.screen = new Screen(this.canvases.screen, { constellation, threshold, sampleRate });
    this.screen.fit(...this.sizes.screen);
  }

  end() { this.screen = null; }
  wake() { this.dial.wake(); }

  sleep() {
    this.dial.sleep();
    this.screen?.show();
  }

  // pcm: s16le from the sample `from` of the listening on; level: 0..1
  sound(pcm, from, level) {
    this.screen?.sound(new Int16Array(pcm), from);
    this.dial.hear(level);
    if (performance.now() - this.drawnAt > this.pause) this.draw();
  }

  see(message) {
    if (this.screen) postMessage(this.screen.see(message));
  }

  weigh(elapsed, bits) { this.screen?.weigh(elapsed, bits); }

  draw() {
    this.drawnAt = performance.now();
    this.turn = !this.turn;
    if (this.turn) this.screen?.show();
    else this.dial.draw();
  }
}

const painter = new Painter();
let done = Promise.resolve(); // each in its turn: a file's sound comes faster than the screen is fetched
onmessage = ({ data: [method, ...values] }) => { done = done.then(() => painter[method](...values)).catch(reportError); };
