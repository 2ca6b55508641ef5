// The examples for programmers can be copied. Fetched when somebody does.
import { text } from "./text.js";
import { toast } from "./toast.js";

export async function copyExample(button) {
  const code = button.closest(".example").querySelector("pre").textContent;
  const copied = await navigator.clipboard?.writeText(code).then(() => true, () => false);
  toast(copied ? text.history.copied : text.history.notCopied);
}
