// What was recognised in this browser, newest first, and how long; also music that nothing was found for. It never leaves the browser.
import { load } from "./api.js";
import { action, byId, cloneOne, cover, fill, say } from "./dom.js";
import { amount, clock, dayOf, nameOf, span, titleOf } from "./format.js";
import { HistoryStore, LIMIT } from "./history-store.js";
import { text } from "./text.js";
import { saying, toast } from "./toast.js";

const SAME_WITHIN_MS = 60 * 1000; // the same again after a shorter pause is the same hearing,
const SAME_PLACE_MS = 5000; // where the track would have begun at the same moment
const GAP_MS = 60 * 1000; // a longer time without anything is shown
const SHOWN = 100; // entries, until more are asked for
const TYPING_MS = 150; // after the last key, before searching
const SEARCHABLE = 10; // entries: shorter lists need no search

export class History {
  constructor({ onPlay }) {
    this.onPlay = onPlay;
    this.store = new HistoryStore(() => this.draw());
    this.shown = SHOWN;
    this.known = new Map(); // plays of the present listening -> their entries
    const click = { copy: () => this.copy(), clear: () => this.clear(), more: () => this.more() };
    for (const format of ["csv", "json", "m3u"]) click[format] = () => this.save(format);
    for (const [name, run] of Object.entries(click)) byId(`history-${name}`).onclick = run;
    byId("history-search").oninput = () => { clearTimeout(this.typing); this.typing = setTimeout(() => this.draw(), TYPING_MS); };
    this.draw();
  }

  // plays: all of one listening, in order, of which the last ones may have changed; zero: when it began, ms; file: its name, if it is one
  log(plays, { zero, file }) {
    if (plays !== this.plays) this.known = new Map();
    this.plays = plays;
    const gone = [...this.known.keys()].filter((play) => !plays.includes(play));
    const added = plays.filter((play) => !this.known.has(play) && this.enter(play, { zero, file }));
    for (const play of plays) this.follow(play, this.known.get(play), zero);
    this.store.remove(...gone.map((play) => this.known.get(play)));
    for (const play of gone) this.known.delete(play);
    if (added.length) this.store.add(...added.map((play) => this.known.get(play)).reverse());
    if (added.length || gone.length) this.draw();
    else if (plays.length) this.touch(this.known.get(plays.at(-1)));
  }

  // Whether the play is a new entry; else it goes on with the last.
  enter(play, { zero, file }) {
    const last = [...this.known.values()].at(-1) ?? this.store.entries[0];
    const begun = zero + 1000 * play.zero;
    const goesOn = last && last.track?.id === play.track?.id && last.file === file && this.isSoon(last, play, zero)
      && (!play.track || Math.abs(last.begun - begun) < SAME_PLACE_MS);
    const from = new Date(file ? zero + this.known.size : zero + 1000 * play.from).toISOString();
    const entry = goesOn ? last : { id: `${from}-${play.track?.id ?? 0}`, from, to: from, track: play.track, begun, ...(file && { file, start: play.from }) };
    this.known.set(play, entry);
    return !goesOn;
  }

  isSoon(last, play, zero) {
    if (last.file) return [...this.known.values()].includes(last) && 1000 * (play.from - last.end) < SAME_WITHIN_MS;
    return zero + 1000 * play.from - Date.parse(last.to) < SAME_WITHIN_MS;
  }

  follow(play, entry, zero) {
    if (play.to === entry.until) return;
    if (entry.file) entry.end = play.to;
    else entry.to = new Date(Math.max(Date.parse(entry.from), zero + 1000 * play.to)).toISOString();
    Object.defineProperty(entry, "until", { value: play.to, writable: true, configurable: true }); // not kept
  }

  touch(entry) {
    this.store.touch();
    const row = byId("history-list").querySelector(`[data-id="${entry.id}"] time`);
    if (row) say(row, timeOf(entry));
  }

  get found() {
    const words = byId("history-search").value.toLowerCase().split(/\s+/).filter(Boolean);
    return this.store.entries.filter((entry) => words.every((word) => textOf(entry).includes(word)));
  }

  more() {
    const next = this.shown;
    this.shown += SHOWN;
    this.draw();
    byId("history-list").querySelectorAll("li[data-id]")[next]?.querySelector(".btn:not([hidden])")?.focus();
  }

  draw() {
    const { entries, full } = this.store;
    const found = this.found;
    const some = found.slice(0, this.shown);
    byId("history-list").replaceChildren(...some.flatMap((entry, i) => [...dayAbove(entry, some[i - 1]), this.row(entry), ...gapAfter(entry, found[i + 1])]));
    byId("history-empty").hidden = found.length > 0;
    say(byId("history-empty"), entries.length ? text.history.nothing : text.history.empty);
    byId("history-actions").hidden = entries.length === 0;
    byId("history-finder").hidden = entries.length < SEARCHABLE;
    byId("history-more").hidden = found.length <= this.shown;
    byId("history-full").hidden = !full;
    if (full) say(byId("history-full"), text.history.full(LIMIT));
  }

  row(entry) {
    const { id, from, track } = entry;
    const row = cloneOne("history-template");
    const title = track ? titleOf(track) : text.verdict.absent;
    row.dataset.id = id;
    row.classList.toggle("is-unknown", !track);
    fill(row, { title, artist: track?.artist, time: timeOf(entry) });
    cover(row, track);
    row.querySelector("time").dateTime = from;
    const does = { play: () => this.onPlay(track), share: () => this.share(track), delete: () => this.remove(entry) };
    const words = { play: text.play(title), share: text.history.share(title), delete: text.history.remove(title) };
    for (const [name, run] of Object.entries(does)) {
      const button = action(row, name);
      button.hidden = !track && name !== "delete";
      button.setAttribute("aria-label", words[name]);
      button.onclick = run;
    }
    return row;
  }

  share(track) { return saying(async () => (await load("history-file")).share(track)); }
  copy() { return saying(async () => (await load("history-file")).copy(this.found, timeOf)); }
  save(format) { return saying(async () => (await load("history-file")).save(this.found, format)); }

  remove(entry) {
    const rows = [...byId("history-list").querySelectorAll("li[data-id]")];
    const at = rows.findIndex(({ dataset }) => dataset.id === entry.id);
    this.forget([entry], text.history.removed);
    const left = byId("history-list").querySelectorAll("li[data-id]");
    (left[Math.min(at, left.length - 1)]?.querySelector("[data-action=delete]") ?? byId("history-list")).focus();
  }

  clear() { this.forget(this.store.entries, text.history.cleared); }

  forget(entries, words) {
    this.store.remove(...entries);
    this.draw();
    toast(words, { label: text.history.undo, run: () => { this.store.restore(entries); this.draw(); } });
  }
}

const timeOf = ({ from, to, file, start, end }) => (file ? `${file}, ${clock(start)}\u2013${clock(end)}` : span(from, to));
const textOf = ({ track, file }) => [track ? nameOf(track) : text.verdict.absent, track?.album, file].filter(Boolean).join(" ").toLowerCase();

function dayAbove(entry, above) {
  const day = dayOf(entry.from);
  if (above && dayOf(above.from) === day) return [];
  return [line("day", day)];
}

function gapAfter({ from, file }, older) {
  const silence = older && !file && !older.file ? Date.parse(from) - Date.parse(older.to) : 0;
  return silence < GAP_MS || dayOf(from) !== dayOf(older.to) ? [] : [line("gap", text.history.gap(amount(silence / 1000)))];
}

function line(kind, words) {
  const row = document.createElement("li");
  row.className = kind;
  say(row, words);
  return row;
}
