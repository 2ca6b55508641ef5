// The page's own small helpers for elements.
export const byId = (id) => document.getElementById(id);
export const part = (root, name) => root.querySelector(`[data-part=${name}]`);
export const field = (root, name) => root.querySelector(`[data-field=${name}]`);
export const action = (root, name) => root.querySelector(`[data-action=${name}]`);

export const clone = (templateId) => byId(templateId).content.cloneNode(true);
export const cloneOne = (templateId) => clone(templateId).firstElementChild;

// Sets text only where it differs, so that selections survive and readers are not woken. Tells whether it did.
export function say(element, value) {
  if (element.textContent === value) return false;
  element.textContent = value;
  return true;
}

export function fill(root, values) {
  for (const [name, value] of Object.entries(values)) say(field(root, name), value ?? "");
}

// Files dropped on an element; a drop anywhere else must not make the browser leave the page.
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

// The entries must be taken before the first await: the browser empties the list after the event.
async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  return (await Promise.all(entries.map(filesIn))).flat();
}

async function filesIn(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const files = [];
  for (;;) {
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) return files.flat();
    files.push(...(await Promise.all(batch.map(filesIn))));
  }
}
