// Files from drops and from folders. What lies in a folder is taken when it looks like audio, what is named is always tried.
import { byId } from "./dom.js";

// onFiles(files); a drop anywhere else must not make the browser leave the page.
export function dropZone(element, onFiles) {
  const over = (on) => element.classList.toggle("is-over", on);
  element.addEventListener("dragover", (event) => { event.preventDefault(); over(true); });
  element.addEventListener("dragleave", () => over(false));
  element.addEventListener("drop", async (event) => {
    event.preventDefault();
    over(false);
    onFiles(await droppedFiles(event.dataTransfer));
  });
}

for (const type of ["dragover", "drop"]) window.addEventListener(type, (event) => event.preventDefault());

// What systems leave beside music, as core/walk.py has it.
const OF_SYSTEMS = /^(\._.*|\.AppleDouble|@eaDir|#recycle|\$RECYCLE\.BIN|\.Trash.*|System Volume Information)$/is;

export function isAudio({ name, webkitRelativePath }) {
  const suffixes = byId("upload-folder").dataset.suffixes.split(" ");
  const ofSystems = (webkitRelativePath || name).split("/").some((part) => OF_SYSTEMS.test(part));
  return !ofSystems && suffixes.some((suffix) => name.toLowerCase().endsWith(suffix));
}

// The entries must be taken before the first await: the browser empties the list after the event.
async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  return (await Promise.all(entries.map((entry) => (entry.isFile ? fileOf(entry) : filesIn(entry))))).flat();
}

const fileOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

async function filesIn(folder) {
  const reader = folder.createReader();
  const files = [];
  for (;;) { // a hundred entries at a time
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return files.flat();
    const wanted = entries.filter((entry) => (entry.isDirectory ? !OF_SYSTEMS.test(entry.name) : isAudio(entry)));
    files.push(...(await Promise.all(wanted.map((entry) => (entry.isFile ? fileOf(entry) : filesIn(entry))))));
  }
}
