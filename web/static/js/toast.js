// A short message at the bottom, with at most one thing to do.
import { action, byId, cloneOne, fill } from "./dom.js";

// act: {label, run} | undefined
export function toast(message, act) {
  const element = cloneOne("toast-template");
  fill(element, { message });
  byId("toasts").append(element);
  const shown = new window.bootstrap.Toast(element);
  const button = action(element, "act");
  button.hidden = !act;
  if (act) {
    button.textContent = act.label;
    button.onclick = () => { shown.hide(); act.run(); };
  }
  action(element, "close").onclick = () => shown.hide();
  element.addEventListener("hidden.bs.toast", () => element.remove());
  shown.show();
}

// Runs what may fail, and says why it did.
export async function saying(work) {
  try {
    return await work();
  } catch (error) {
    if (error.name !== "AbortError") toast(error.message);
    return undefined;
  }
}
