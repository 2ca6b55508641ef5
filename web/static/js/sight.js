// Why it matched, or did not: has the picture and the evidence drawn, and says both in words.
import { Canvases } from "./canvases.js";
import { byId, say } from "./dom.js";
import { titleOf } from "./format.js";
import { text } from "./text.js";

export class Sight {
  constructor() {
    this.root = byId("sight");
    this.canvases = new Canvases({ onCounts: (counts) => { this.counts = counts; } });
  }

  clear() {
    this.sampleRate = null;
    this.root.hidden = true;
    this.canvases.tell("end");
  }

  // ready: the server's message; after a break the picture goes on
  begin({ constellation, threshold }, sampleRate) {
    if (this.sampleRate || !constellation) return;
    this.sampleRate = sampleRate;
    this.threshold = threshold;
    this.best = null;
    this.counts = { heard: 0, agree: 0 };
    this.root.hidden = false;
    this.canvases.tell("begin", constellation, threshold, sampleRate);
    this.words();
  }

  colour() { this.canvases.colour(); }
  wake() { this.canvases.tell("wake"); }
  sleep() { this.canvases.tell("sleep"); }

  // until: seconds of sound with this block; level: 0..1
  sound({ pcm, seconds }, until, level) {
    if (document.hidden) return;
    const from = this.sampleRate ? Math.round((until - seconds) * this.sampleRate) : 0;
    this.canvases.tell("sound", pcm, from, level);
  }

  see(message) {
    if (!document.hidden) this.canvases.tell("see", message);
  }

  // The guesses that belong to what was seen last
  weigh({ elapsed, guesses: [best] }) {
    this.best = best;
    this.canvases.tell("weigh", elapsed, best?.bits ?? 0);
  }

  words() {
    if (!this.sampleRate) return;
    const { best, counts: { heard, agree } } = this;
    const bits = Math.max(0, Math.round(best?.bits ?? 0));
    say(byId("sight-peaks"), peaksInWords(heard, agree, best));
    say(byId("sight-bits"), text.sight.bits(bits, Math.ceil(this.threshold)));
  }
}

function peaksInWords(heard, agree, best) {
  if (!heard) return text.sight.none;
  return best ? text.sight.agree(agree, heard, titleOf(best.track)) : text.sight.heard(heard);
}
