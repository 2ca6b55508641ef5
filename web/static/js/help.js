// The examples for programmers can be copied.
import { byId } from "./dom.js";
import { text } from "./text.js";
import { toast } from "./toast.js";

export function offerExamples() {
  byId("help").addEventListener("click", async (event) => {
    const example = event.target.closest("[data-action=copy]")?.closest(".example");
    if (!example) return;
    const copied = await navigator.clipboard?.writeText(example.querySelector("pre").textContent).then(() => true, () => false);
    toast(copied ? text.history.copied : text.history.notCopied);
  });
}
