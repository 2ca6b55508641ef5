// A row of the library: the <template> is the server's own macro, so both make the same markup.
import { action, cloneOne, cover, field, fill } from "./dom.js";
import { clock, titleOf } from "./format.js";
import { text } from "./text.js";

export function rowOf(track) {
  const row = cloneOne("track-template");
  row.dataset.id = track.id;
  row.dataset.duration = track.duration;
  if (track.cover) row.dataset.cover = true;
  cover(row, track);
  action(row, "play").href = `tracks/${track.id}/audio`;
  fill(row, { title: titleOf(track), artist: track.artist, album: track.album, length: clock(track.duration) });
  label(row, titleOf(track));
  return row;
}

function label(row, title) {
  action(row, "play").setAttribute("aria-label", text.play(title));
  action(row, "edit").setAttribute("aria-label", text.edit(title));
  action(row, "delete").setAttribute("aria-label", text.remove(title));
}

// The track of a row that the server may have rendered.
export function trackOf(row) {
  const of = (name) => field(row, name).textContent;
  return { id: Number(row.dataset.id), title: of("title"), artist: of("artist"), album: of("album"), duration: Number(row.dataset.duration), cover: Boolean(row.dataset.cover) };
}
