// What was recognised in this browser, newest first, and how long; also music that nothing was found for. It never leaves the browser.
import { action, byId, cloneOne, fill, say } from "./dom.js";
import { amount, clock, nameOf, span, titleOf } from "./format.js";
import { text } from "./text.js";
import { toast } from "./toast.js";

const KEY = "earprint.history";
const LIMIT = 200; // entries
const SAME_WITHIN_MS = 60 * 1000; // the same again after a shorter pause is the same hearing
const SAVE_MS = 5000; // between two savings of how long something goes on
const GAP_MS = 60 * 1000; // a longer time without anything is shown

export class History {
  constructor({ onPlay }) {
    this.onPlay = onPlay;
    this.entries = read();
    this.savedAt = 0;
    const click = { copy: () => this.copy(), csv: () => this.save("csv"), json: () => this.save("json"), clear: () => this.clear() };
    for (const [name, run] of Object.entries(click)) byId(`history-${name}`).onclick = run;
    window.addEventListener("storage", ({ key }) => { if (key === KEY) this.draw(read()); }); // another page of ours
    window.addEventListener("pagehide", () => this.entries.length && write(this.entries));
    this.draw(this.entries);
  }

  // track: or null, when absent; since, now: seconds of the sound; file: the name of the file that it is from, if any
  log({ track, absent, since, now, file }) {
    if (!track && !absent) return;
    const [last] = this.entries;
    const at = Date.now();
    const goesOn = last && last.track?.id === track?.id && last.file === file && at - Date.parse(last.to) < SAME_WITHIN_MS;
    if (goesOn && (!file || since >= last.start)) return this.extend(last, at, now);
    const from = new Date(file ? at : at - (now - since) * 1000).toISOString();
    const entry = { from, to: new Date(at).toISOString(), track, ...(file && { file, start: since, end: now }) };
    this.keep([entry, ...read()].slice(0, LIMIT));
  }

  extend(entry, at, now) {
    entry.to = new Date(at).toISOString();
    if (entry.file) entry.end = now;
    say(byId("history-list").querySelector("time"), timeOf(entry));
    if (at - this.savedAt < SAVE_MS) return;
    this.savedAt = at;
    write([entry, ...read().filter(({ from }) => from !== entry.from)]);
  }

  keep(entries) {
    write(entries);
    this.draw(entries);
  }

  draw(entries) {
    this.entries = entries;
    const rows = entries.flatMap((entry, i) => [this.row(entry), ...gapAfter(entry, entries[i + 1])]);
    byId("history-list").replaceChildren(...rows);
    byId("history-empty").hidden = entries.length > 0;
    byId("history-actions").hidden = entries.length === 0;
  }

  row(entry) {
    const { from, track, start } = entry;
    const row = cloneOne("history-template");
    const title = track ? titleOf(track) : text.verdict.absent;
    row.classList.toggle("is-unknown", !track);
    fill(row, { title, artist: track?.artist, time: timeOf(entry) });
    row.querySelector("time").dateTime = from;
    const play = action(row, "play");
    play.hidden = !track;
    play.setAttribute("aria-label", text.play(title));
    play.onclick = () => this.onPlay(track);
    return row;
  }

  async copy() {
    const lines = this.entries.map((entry) => `${timeOf(entry)}\t${entry.track ? nameOf(entry.track) : text.verdict.absent}`);
    const copied = await navigator.clipboard?.writeText(lines.join("\n")).then(() => true, () => false);
    toast(copied ? text.history.copied : text.history.notCopied);
  }

  async save(format) { (await import("./history-file.js")).save(this.entries, format); }

  clear() {
    const before = this.entries;
    this.keep([]);
    toast(text.history.cleared, { label: text.history.undo, run: () => this.keep([...this.entries, ...before]) });
  }
}

const timeOf = ({ from, to, file, start, end }) => (file ? `${file}, ${clock(start)}\u2013${clock(end)}` : span(from, to));

function gapAfter({ from, file }, older) {
  const silence = older && !file && !older.file ? Date.parse(from) - Date.parse(older.to) : 0;
  if (silence < GAP_MS) return [];
  const row = document.createElement("li");
  row.className = "gap";
  say(row, text.history.gap(amount(silence / 1000)));
  return [row];
}

function write(entries) { localStorage.setItem(KEY, JSON.stringify(entries)); }

// Another version of the page, or a person, may have written something else there.
function read() {
  try {
    const entries = JSON.parse(localStorage.getItem(KEY) ?? "[]").map((entry) => ({ from: entry.at, to: entry.at, ...entry }));
    return entries.filter(({ from, to, track }) => Date.parse(from) <= Date.parse(to) && (track === null || track.id));
  } catch {
    return [];
  }
}
