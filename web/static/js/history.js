// What was recognised in this browser, newest first. It never leaves it.
import { action, byId, cloneOne, fill } from "./dom.js";
import { nameOf, titleOf, when } from "./format.js";
import { text } from "./text.js";
import { toast } from "./toast.js";

const KEY = "earprint.history";
const LIMIT = 200; // entries
const SAME_WITHIN_MS = 10 * 60 * 1000; // the same track again is the same hearing

export class History {
  constructor({ onPlay }) {
    this.onPlay = onPlay;
    this.entries = read();
    byId("history-copy").onclick = () => this.copy();
    byId("history-clear").onclick = () => this.clear();
    this.draw();
  }

  add(track) {
    const [last] = this.entries;
    if (last?.track.id === track.id && Date.now() - Date.parse(last.at) < SAME_WITHIN_MS) return;
    this.keep([{ at: new Date().toISOString(), track }, ...this.entries].slice(0, LIMIT));
  }

  keep(entries) {
    this.entries = entries;
    localStorage.setItem(KEY, JSON.stringify(entries));
    this.draw();
  }

  draw() {
    byId("history-list").replaceChildren(...this.entries.map((entry) => this.row(entry)));
    byId("history-empty").hidden = this.entries.length > 0;
    byId("history-actions").hidden = this.entries.length === 0;
  }

  row({ at, track }) {
    const row = cloneOne("history-template");
    fill(row, { title: titleOf(track), artist: track.artist, time: when(at) });
    row.querySelector("time").dateTime = at;
    action(row, "play").setAttribute("aria-label", text.play(titleOf(track)));
    action(row, "play").onclick = () => this.onPlay(track);
    return row;
  }

  async copy() {
    const lines = this.entries.map(({ at, track }) => `${at}\t${nameOf(track)}`);
    const copied = await navigator.clipboard?.writeText(lines.join("\n")).then(() => true, () => false);
    toast(copied ? text.history.copied : text.history.notCopied);
  }

  clear() {
    const before = this.entries;
    this.keep([]);
    toast(text.history.cleared, { label: text.history.undo, run: () => this.keep(before) });
  }
}

// Another version of the page, or a person, may have written something else there.
function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]").filter((entry) => entry.at && entry.track?.id);
  } catch {
    return [];
  }
}
