// How much the library holds, as the server says: others may add and remove, too.
import { request } from "./api.js";
import { byId, say } from "./dom.js";
import { amount, megabytes } from "./format.js";
import { text } from "./text.js";

const PAUSE_MS = 1000; // between two questions, while many files come in

export class Count {
  // Soon, and once for all that happens until then.
  refresh() {
    this.timer ??= setTimeout(() => { this.timer = undefined; this.ask(); }, PAUSE_MS);
  }

  async ask() {
    const stats = await request("stats").catch(() => null); // a figure at the edge is no reason to complain
    if (!stats) return;
    say(byId("count"), text.count(stats.tracks, amount(stats.seconds)));
    say(byId("library-facts"), stats.tracks ? text.library.facts(amount(stats.seconds), megabytes(stats.bytes)) : "");
  }
}
