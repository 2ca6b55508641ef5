// The demo tracks, which the server makes: for a first try. Fetched when somebody asks for them.
import { request } from "./api.js";
import { byId } from "./dom.js";
import { text } from "./text.js";
import { saying } from "./toast.js";

export async function addDemo(button, { onDone, announcer }) {
  if (button.ariaDisabled === "true") return;
  const label = button.textContent;
  const busy = (on) => {
    button.ariaDisabled = String(on); // and not disabled, which would lose the focus
    button.textContent = on ? text.library.composing : label;
  };
  busy(true);
  announcer.say(text.library.composing);
  const answer = await saying(() => request("demo", { method: "POST" }));
  busy(false);
  if (!answer) return;
  await onDone();
  announcer.say(text.uploads.summary({ added: answer.added.length, known: answer.known.length, failed: answer.failed.length }));
  byId("search").focus();
}
