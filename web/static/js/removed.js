// The tracks that were removed and can be restored, in a dialog. Fetched when it is asked for.
import { request } from "./api.js";
import { dayOf, nameOf, titleOf } from "./format.js";
import { text } from "./text.js";
import { saying } from "./toast.js";

export async function showRemoved({ onDone, announcer }) {
  const { tracks } = await request("removed");
  const dialog = element("dialog", { className: "editor", ariaLabel: text.library.removed });
  const list = element("ul", { className: "removed-list" });
  const empty = element("p", { className: "quiet", textContent: text.library.nothingRemoved, hidden: tracks.length > 0 });
  const actions = element("div", { className: "editor-actions" });
  const close = element("button", { className: "btn btn-main", type: "button", textContent: text.library.close });
  close.onclick = () => dialog.close();
  actions.append(close);
  const restore = (track, row) => saying(async () => {
    await request(`tracks/${track.id}/restore`, { method: "POST" });
    (row.nextElementSibling ?? row.previousElementSibling)?.querySelector("button").focus();
    row.remove();
    empty.hidden = list.children.length > 0;
    announcer.say(text.library.restored(titleOf(track)));
    await onDone();
  });
  list.append(...tracks.map((gone) => rowOf(gone, restore)));
  dialog.append(element("h2", { textContent: text.library.removed }), list, empty, actions);
  dialog.onclose = () => dialog.remove();
  document.body.append(dialog);
  dialog.showModal();
}

function rowOf({ track, removed }, restore) {
  const row = element("li", {});
  const name = element("span", { textContent: nameOf(track), dir: "auto" });
  const button = element("button", {
    className: "btn btn-quiet", type: "button", textContent: text.library.restore, ariaLabel: text.library.restoreTitle(titleOf(track)), title: dayOf(removed),
  });
  button.onclick = () => restore(track, row);
  row.append(name, button);
  return row;
}

const element = (kind, values) => Object.assign(document.createElement(kind), values);
