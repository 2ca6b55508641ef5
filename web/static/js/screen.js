// The screen: the picture of the last seconds, and below it the evidence, at the same time scale.
import { Evidence } from "./evidence.js";
import { Picture } from "./picture.js";
import { Spectrum } from "./spectrum.js";

const MOST_DENSITY = 2; // device pixels a CSS pixel: more cannot be told from it here
const PICTURE = 11 / 16; // of the height
const SECOND_WIDTH = 72; // CSS pixels

export class Screen {
  constructor(canvas, { constellation, threshold, sampleRate }) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { alpha: false });
    this.spectrum = new Spectrum(sampleRate, constellation.hertz);
    this.picture = new Picture(this.pen, constellation);
    this.evidence = new Evidence(this.pen, threshold);
    this.sampleRate = sampleRate;
    this.heard = 0; // seconds
  }

  fit(width, height, density) {
    const scale = Math.min(density, MOST_DENSITY);
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    const split = Math.round(this.canvas.height * PICTURE);
    this.picture.fit(this.canvas.width, split, SECOND_WIDTH * scale, scale);
    this.evidence.fit({ width, top: split / scale, height: height - split / scale, secondWidth: SECOND_WIDTH, scale });
    this.show();
  }

  sound(samples, from) {
    this.heard = (from + samples.length) / this.sampleRate;
    this.spectrum.feed(samples, from, (...column) => this.picture.column(...column));
  }

  see(message) { return this.picture.see(message); }
  weigh(elapsed, bits) { this.evidence.add(elapsed, bits); }

  show() {
    this.picture.show();
    this.evidence.show(this.heard);
  }
}
