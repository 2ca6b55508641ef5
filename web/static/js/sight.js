// Why it matched, or did not: the picture, the evidence, and both in words.
import { byId, say } from "./dom.js";
import { titleOf } from "./format.js";
import { Evidence } from "./evidence.js";
import { Picture } from "./picture.js";
import { Spectrum } from "./spectrum.js";
import { text } from "./text.js";

const CALM_MS = 1000; // between two pictures for who wishes less motion
const still = window.matchMedia("(prefers-reduced-motion: reduce)");

export class Sight {
  constructor() {
    this.shownAt = 0;
    this.root = byId("sight");
    this.picture = new Picture(byId("picture"));
    this.evidence = new Evidence(byId("evidence"));
  }

  clear() {
    this.spectrum = null;
    this.root.hidden = true;
  }

  // ready: the server's message; after a break the picture goes on
  begin({ constellation, threshold }, sampleRate) {
    if (this.spectrum || !constellation) return;
    this.root.hidden = false;
    this.spectrum = new Spectrum(sampleRate, constellation.hertz);
    this.picture.begin(constellation);
    this.evidence.begin(threshold);
    this.threshold = threshold;
    this.heard = 0;
    this.best = null;
    this.counts = { heard: 0, agree: 0 };
    this.words();
  }

  sound({ pcm, seconds }) {
    if (!this.spectrum) return;
    this.heard += seconds;
    const samples = new Int16Array(pcm);
    if (document.hidden) this.spectrum.skip(samples);
    else this.spectrum.feed(samples, (...column) => this.picture.column(...column));
  }

  see(message) {
    if (this.spectrum && !document.hidden) this.counts = this.picture.see(message);
  }

  // The guesses that belong to what was seen last
  weigh({ elapsed, guesses: [best] }) {
    if (!this.spectrum) return;
    this.evidence.add(elapsed, best?.bits ?? 0, this.heard);
    this.best = best;
  }

  frame(now) {
    if (!this.spectrum || (still.matches && now - this.shownAt < CALM_MS)) return;
    this.shownAt = now;
    this.picture.show();
    this.evidence.show();
    this.words();
  }

  words() {
    const { best, counts: { heard, agree } } = this;
    const bits = Math.max(0, Math.round(best?.bits ?? 0));
    say(byId("sight-peaks"), best ? text.sight.agree(agree, heard, titleOf(best.track)) : text.sight.heard(heard));
    say(byId("sight-bits"), text.sight.bits(bits, Math.ceil(this.threshold)));
  }
}
