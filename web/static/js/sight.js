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
    this.words(null, { heard: 0, agree: 0 }, 0);
  }

  sound({ pcm, seconds }) {
    if (!this.spectrum) return;
    this.heard += seconds;
    if (document.hidden) this.spectrum.heard += pcm.byteLength / 2;
    else this.spectrum.feed(new Int16Array(pcm), (levels, at) => this.picture.column(levels, at));
  }

  see(message) {
    if (this.spectrum && !document.hidden) this.counts = this.picture.see(message);
  }

  // The guesses that belong to what was seen last
  weigh({ elapsed, guesses: [best] }) {
    if (!this.spectrum) return;
    this.evidence.add(elapsed, best?.bits ?? 0, this.heard);
    this.words(best, this.counts ?? { heard: 0, agree: 0 }, best?.bits ?? 0);
  }

  frame(now) {
    if (!this.spectrum || (still.matches && now - this.shownAt < CALM_MS)) return;
    this.shownAt = now;
    this.picture.show();
    this.evidence.show();
  }

  words(best, { heard, agree }, bits) {
    const name = best && titleOf(best.track);
    say(byId("sight-peaks"), name ? text.sight.agree(agree, heard, name) : text.sight.heard(heard));
    say(byId("sight-bits"), text.sight.bits(Math.max(0, Math.round(bits)), Math.ceil(this.threshold)));
  }
}
