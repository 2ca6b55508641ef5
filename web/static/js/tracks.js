// The library: search as one types, order, more, play, edit, delete and undo.
import { patch, request } from "./api.js";
import { byId, say } from "./dom.js";
import { edit } from "./editor.js";
import { titleOf } from "./format.js";
import { text } from "./text.js";
import { saying, toast } from "./toast.js";
import { rowOf, trackOf } from "./track-row.js";

const TYPING_MS = 180; // after the last key, before searching
const PAGE = 50; // tracks a request

export class Tracks {
  constructor({ onPlay, onCount }) {
    this.list = byId("tracks");
    this.next = this.list.dataset.next;
    this.does = {
      play: (track) => onPlay(track),
      edit: (track, row) => this.edit(track, row),
      delete: (track, row) => this.remove(track, row),
    };
    this.onCount = onCount;
    this.list.onclick = (event) => this.clicked(event);
    byId("search").oninput = () => { clearTimeout(this.typing); this.typing = setTimeout(() => this.refresh(), TYPING_MS); };
    byId("sort").onchange = () => this.refresh();
    byId("finder").onsubmit = (event) => { event.preventDefault(); this.refresh(); };
    byId("more").onclick = (event) => { event.preventDefault(); this.more(); };
  }

  clicked(event) {
    const control = event.target.closest("[data-action]");
    if (!control) return;
    event.preventDefault();
    const row = control.closest(".track");
    this.does[control.dataset.action](trackOf(row), row);
  }

  get query() { return byId("search").value.trim(); }

  refresh() {
    return saying(async () => this.show(await this.fetch(), (rows) => this.list.replaceChildren(...rows)));
  }

  more() {
    return saying(async () => this.show(await this.fetch(this.next), (rows) => this.list.append(...rows)));
  }

  // A newer search takes the place of one that is still under way.
  fetch(after) {
    this.request?.abort();
    this.request = new AbortController();
    const asked = new URLSearchParams({ search: this.query, sort: byId("sort").value, limit: PAGE });
    if (after) asked.set("after", after);
    return request(`tracks?${asked}`, { signal: this.request.signal });
  }

  show({ tracks, next }, place) {
    place(tracks.map(rowOf));
    this.next = next;
    byId("more").hidden = !next;
    this.checkEmpty();
  }

  checkEmpty() {
    const none = this.list.children.length === 0;
    byId("library").classList.toggle("is-empty", none && !this.query);
    byId("tracks-empty").hidden = !(none && this.query);
    say(byId("tracks-empty"), text.library.nothing(this.query));
  }

  remove(track, row) {
    return saying(async () => {
      await request(`tracks/${track.id}`, { method: "DELETE" });
      const after = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      (after?.querySelector("[data-action=delete]") ?? byId("search")).focus();
      this.checkEmpty();
      this.onCount(-1, -track.duration);
      toast(text.library.deleted(titleOf(track)), { label: text.library.undo, run: () => this.restore(track) });
    });
  }

  restore(track) {
    return saying(async () => {
      await request(`tracks/${track.id}/restore`, { method: "POST" });
      this.onCount(1, track.duration);
      toast(text.library.restored(titleOf(track)));
      await this.refresh();
      this.list.querySelector(`[data-id="${track.id}"] [data-action=play]`)?.focus();
    });
  }

  async edit(track, row) {
    const values = await edit(track);
    if (!values) return;
    await saying(async () => row.replaceWith(rowOf(await patch(`tracks/${track.id}`, values))));
  }
}
