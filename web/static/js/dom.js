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

// Shows the track's cover, if it has one, in the picture that is there for it. It is fetched when it comes into sight.
export function cover(root, track) {
  const picture = part(root, "cover");
  picture.hidden = !track?.cover;
  picture.onerror = () => { picture.hidden = true; };
  if (track?.cover) picture.src = `tracks/${track.id}/cover`;
  else picture.removeAttribute("src");
}
