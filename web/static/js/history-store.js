// The list of what was heard, newest first, kept in this browser. Pages of the same address share it.
const KEY = "earprint.history";
export const LIMIT = 5000; // entries: about 2 MB, of the 5 that browsers give
const SAVE_MS = 5000; // between two savings of how long something goes on

export class HistoryStore {
  // onChange(): another page has changed the list
  constructor(onChange) {
    this.entries = read();
    this.savedAt = 0;
    window.addEventListener("storage", ({ key }) => { if (key === KEY) { this.entries = merged(read(), this.own); onChange(); } });
    window.addEventListener("pagehide", () => this.own && this.save());
  }

  get full() { return this.entries.length >= LIMIT; }

  // Puts entries in, those that began last first; the newest is this page's own, which goes on.
  add(...entries) {
    this.own = entries[0];
    this.keep(sorted([...entries, ...this.entries]));
  }

  remove(...gone) {
    if (gone.includes(this.own)) this.own = null;
    this.keep(this.entries.filter((entry) => !gone.includes(entry)));
  }

  restore(entries) { this.keep(sorted([...entries, ...this.entries])); }

  keep(entries) {
    this.entries = entries.slice(0, LIMIT);
    this.save();
  }

  // The own entry has changed: it is saved now and then.
  touch() {
    if (Date.now() - this.savedAt >= SAVE_MS) this.save();
  }

  // Where the browser gives no more room, the older half has to go.
  save() {
    this.savedAt = Date.now();
    try {
      localStorage.setItem(KEY, JSON.stringify(this.entries));
    } catch {
      this.entries = this.entries.slice(0, this.entries.length / 2);
      if (this.entries.length) this.save();
    }
  }
}

const sorted = (entries) => entries.sort((one, other) => Date.parse(other.from) - Date.parse(one.from));
const merged = (entries, own) => (own ? sorted([own, ...entries.filter(({ id }) => id !== own.id)]) : entries);

// Another version of the page, or a person, may have written something else there.
function read() {
  try {
    const entries = JSON.parse(localStorage.getItem(KEY) ?? "[]").map((entry) => ({ id: entry.from ?? entry.at, from: entry.at, to: entry.at, ...entry }));
    return entries.filter(({ from, to, track }) => Date.parse(from) <= Date.parse(to) && (track === null || track.id));
  } catch {
    return [];
  }
}
