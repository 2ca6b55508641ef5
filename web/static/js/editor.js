// The dialog that changes a track's words. Resolves to {title, artist, album}, or null when cancelled.
import { action, byId } from "./dom.js";

export function edit(track) {
  const dialog = byId("editor");
  const { title, artist, album } = dialog.querySelector("form").elements;
  const inputs = { title, artist, album };
  for (const [name, input] of Object.entries(inputs)) input.value = track[name];
  dialog.returnValue = "";
  action(dialog, "cancel").onclick = () => dialog.close(); // not a submit button: Enter would press the first one
  dialog.showModal();
  title.select();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === "save" ? valuesOf(inputs) : null);
  });
}

function valuesOf(inputs) {
  return Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value.trim()]));
}
