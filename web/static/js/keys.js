// Keys for what is done most: search, listen, stop. They can be switched off, for they get in the way of people who speak to their computer.
import { action, byId } from "./dom.js";

const KEY = "earprint.keys"; // "off", or nothing
const TYPING = "input:not([type=radio], [type=checkbox]), textarea, select, audio, [contenteditable]";

// listen(), stop()
export function keys({ listen, stop }) {
  const dialog = byId("keys");
  const use = dialog.querySelector("input");
  const show = () => { if (!dialog.open) dialog.showModal(); };
  const does = { "/": () => byId("search").focus(), l: listen, "?": show };
  use.checked = localStorage.getItem(KEY) !== "off";
  use.onchange = () => (use.checked ? localStorage.removeItem(KEY) : localStorage.setItem(KEY, "off"));
  action(dialog, "close").onclick = () => dialog.close();
  byId("keys-show").onclick = show;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && !event.target.matches("[type=search]")) return stop();
    const run = does[event.key.toLowerCase()];
    if (!run || !use.checked || event.target.closest(TYPING)) return;
    event.preventDefault();
    run();
  });
}
