// Choosing several tracks of the library, to delete them together. Fetched when it is asked for.
import { request } from "./api.js";
import { byId, field } from "./dom.js";
import { text } from "./text.js";
import { saying, toast } from "./toast.js";

const library = byId("library");
const list = byId("tracks");
const chosen = new Set(); // numbers of tracks

let started = false;

export function toggleSelection(context) {
  if (!started) start(context);
  const on = library.classList.toggle("is-selecting");
  byId("select").textContent = on ? text.library.selecting : text.library.select;
  byId("select").setAttribute("aria-expanded", String(on));
  byId("selection").hidden = !on;
  chosen.clear();
  if (on) mark();
  else for (const pick of list.querySelectorAll(".pick")) pick.remove();
  count();
}

function start({ tracks, announcer }) {
  started = true;
  new MutationObserver(() => library.classList.contains("is-selecting") && mark()).observe(list, { childList: true }); // another search
  list.addEventListener("change", ({ target }) => choose(target));
  byId("select-all").onclick = () => { for (const box of boxes()) { box.checked = true; choose(box); } };
  byId("select-delete").onclick = () => saying(() => remove(tracks, announcer));
}

const boxes = () => list.querySelectorAll(".pick input");

function mark() {
  for (const row of list.querySelectorAll(".track:not(:has(.pick))")) {
    const label = document.createElement("label");
    label.className = "pick";
    const box = document.createElement("input");
    box.type = "checkbox";
    box.value = row.dataset.id;
    box.checked = chosen.has(box.value);
    box.setAttribute("aria-label", text.library.pick(field(row, "title").textContent));
    label.append(box);
    row.querySelector(".track-actions").append(label);
  }
}

function choose(box) {
  if (box.checked) chosen.add(box.value);
  else chosen.delete(box.value);
  count();
}

function count() {
  byId("select-delete").disabled = chosen.size === 0;
  byId("select-delete").textContent = text.library.deleteSome(chosen.size);
}

async function remove(tracks, announcer) {
  const gone = [];
  try {
    for (const id of [...chosen]) {
      await request(`tracks/${id}`, { method: "DELETE" });
      chosen.delete(id);
      gone.push(id);
    }
  } finally {
    count();
    if (gone.length) await done(gone, tracks, announcer);
  }
}

async function done(gone, tracks, announcer) {
  tracks.onChange();
  await tracks.refresh();
  const restore = async () => {
    for (const id of gone) await request(`tracks/${id}/restore`, { method: "POST" });
    tracks.onChange();
    await tracks.refresh();
  };
  announcer.say(text.library.deletedSome(gone.length));
  toast(text.library.deletedSome(gone.length), { label: text.library.undo, run: () => saying(restore) });
}
