// Asks before the page is left while something would be lost by it.
const held = new Set();
const ask = (event) => event.preventDefault();

export function hold(what) {
  held.add(what);
  window.addEventListener("beforeunload", ask); // only while it is of use: pages that listen for it cannot be brought back quickly
}

export function release(what) {
  held.delete(what);
  if (!held.size) window.removeEventListener("beforeunload", ask);
}
