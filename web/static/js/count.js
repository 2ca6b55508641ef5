// How much the library holds, kept right while tracks come and go.
import { say } from "./dom.js";
import { amount } from "./format.js";
import { text } from "./text.js";

export class Count {
  constructor(element) {
    this.element = element;
    this.tracks = Number(element.dataset.tracks); // NaN where the server was asked for a search, and has not said
    this.seconds = Number(element.dataset.seconds);
  }

  change(tracks, seconds) {
    if (Number.isNaN(this.tracks)) return;
    this.tracks += tracks;
    this.seconds = Math.max(0, this.seconds + seconds);
    say(this.element, text.count(this.tracks, amount(this.seconds)));
  }
}
