// The library: search as one types, order, more, play, edit, delete and undo.
import { load, patch, request } from "./api.js";
import { action, byId, cloneOne, fill, say } from "./dom.js";
import { titleOf } from "./format.js";
import { text } from "./text.js";
import { saying } from "./toast.js";
import { rowOf, trackOf } from "./track-row.js";

const TYPING_MS = 180; // after the last key, before searching
const PAGE = 50; // tracks a request

export class Tracks {
  constructor({ onPlay, onChange, announcer }) {
    this.list = byId("tracks");
    this.next = this.list.dataset.next;
    this.does = {
      play: (track) => onPlay(track),
      edit: (track, row) => this.edit(track, row),
      delete: (track, row) => this.remove(track, row),
    };
    this.onChange = onChange;
    this.announcer = announcer;
    this.list.onclick = (event) => this.clicked(event);
    byId("search").oninput = () => { clearTimeout(this.typing); this.typing = setTimeout(() => this.find(), TYPING_MS); };
    byId("sort").onchange = () => this.find();
    byId("finder").onsubmit = (event) => { event.preventDefault(); this.find(); };
    byId("more").onclick = (event) => { event.preventDefault(); this.more(); };
  }

  clicked(event) {
    const control = event.target.closest(".track [data-action]");
    if (!control) return;
    event.preventDefault();
    const row = control.closest(".track");
    this.does[control.dataset.action](trackOf(row), row);
  }

  get query() { return byId("search").value.trim(); }

  get asked() { return new URLSearchParams({ search: this.query, sort: byId("sort").value }); }

  // The address keeps what was asked for, so that a reload shows it again.
  async find() {
    await this.refresh();
    window.history.replaceState(null, "", this.query || byId("sort").selectedIndex ? `?${this.asked}` : window.location.pathname);
    this.announcer.say(this.list.children.length ? text.library.found(this.total) : byId("tracks-empty").textContent);
  }

  refresh() {
    this.drawn = saying(async () => this.show(await this.fetch(), (rows) => this.list.replaceChildren(...rows)));
    return this.drawn;
  }

  more() {
    return saying(async () => {
      const last = this.list.lastElementChild;
      this.show(await this.fetch(this.next), (rows) => this.list.append(...rows));
      this.focus(last?.nextElementSibling, "play");
    });
  }

  // A newer search takes the place of one that is still under way.
  fetch(after) {
    this.request?.abort();
    this.request = new AbortController();
    const asked = this.asked;
    asked.set("limit", PAGE);
    if (after) asked.set("after", after);
    return request(`tracks?${asked}`, { signal: this.request.signal });
  }

  show({ tracks, next, total }, place) {
    place(tracks.map(rowOf));
    this.next = next;
    this.total = total;
    byId("more").hidden = !next;
    say(byId("tracks-found"), this.query && total ? text.library.found(total) : "");
    this.checkEmpty();
  }

  checkEmpty() {
    const none = this.list.children.length === 0;
    byId("library").classList.toggle("is-empty", none && !this.query);
    byId("tracks-empty").hidden = !(none && this.query);
    say(byId("tracks-empty"), text.library.nothing(this.query));
  }

  // A line with the way back takes the place of the row, for as long as the list is shown: there is no hurry to undo.
  remove(track, row) {
    return saying(async () => {
      await request(`tracks/${track.id}`, { method: "DELETE" });
      const gone = cloneOne("gone-template");
      fill(gone, { message: text.library.deleted(titleOf(track)) });
      const undo = action(gone, "undo");
      undo.textContent = text.library.undo;
      undo.setAttribute("aria-label", text.library.undoDelete(titleOf(track)));
      undo.onclick = () => this.restore(track, row, gone);
      await this.replace(row, gone);
      undo.focus();
      this.announcer.say(text.library.deleted(titleOf(track)));
      this.onChange();
    });
  }

  restore(track, row, gone) {
    return saying(async () => {
      await request(`tracks/${track.id}/restore`, { method: "POST" });
      gone.replaceWith(row);
      this.focus(row, "delete");
      this.announcer.say(text.library.restored(titleOf(track)));
      this.onChange();
    });
  }

  edit(track, row) {
    return saying(async () => {
      const { edit } = await load("editor");
      const values = await edit(track);
      if (!values) return;
      const edited = rowOf(await patch(`tracks/${track.id}`, values));
      await this.replace(row, edited);
      this.focus(edited, "edit");
      this.announcer.say(text.library.saved);
    });
  }

  // While the server was asked, the list may have been drawn anew, with another row for the track, or none.
  async replace(row, other) {
    await this.drawn;
    const now = row.isConnected ? row : this.list.querySelector(`.track[data-id="${row.dataset.id}"]`);
    if (now) now.replaceWith(other);
    else this.list.prepend(other);
  }

  focus(row, control) {
    if (row?.matches(".track")) action(row, control).focus();
  }
}
