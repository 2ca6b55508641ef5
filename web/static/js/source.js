// The choice of what to listen to, remembered in this browser: a microphone, what this computer plays, or a file.
import { canShareTab, devices } from "./devices.js";
import { byId } from "./dom.js";
import { text } from "./text.js";

const KEY = "earprint.source";
const KIND = "earprint.kind";

export class SourceChoice {
  // onKind(kind): "microphone", "tab" or "file"
  constructor({ onKind }) {
    this.select = byId("device");
    this.select.onchange = () => localStorage.setItem(KEY, this.select.value);
    this.radios = [...document.querySelectorAll("input[name=source]")];
    byId("source-tab").disabled = !canShareTab();
    const wanted = this.radios.find(({ value, disabled }) => value === localStorage.getItem(KIND) && !disabled);
    if (wanted) wanted.checked = true;
    for (const radio of this.radios) radio.onchange = () => this.chosen(onKind);
    navigator.mediaDevices?.addEventListener("devicechange", () => this.refresh());
    this.chosen(onKind);
  }

  get kind() { return this.radios.find((radio) => radio.checked).value; }
  get device() { return this.select.value; }

  chosen(onKind) {
    localStorage.setItem(KIND, this.kind);
    onKind(this.kind);
    this.refresh();
  }

  // Browsers name the devices only once the microphone has been allowed.
  async refresh() {
    const found = navigator.mediaDevices ? await devices() : [];
    const options = [new Option(text.source.microphone, "")];
    for (const device of found.filter(({ deviceId }) => deviceId !== "default")) {
      options.push(new Option(device.label || text.source.unnamed(options.length), device.deviceId));
    }
    const wanted = this.device || localStorage.getItem(KEY);
    this.select.replaceChildren(...options);
    this.select.value = options.some((option) => option.value === wanted) ? wanted : "";
    this.select.hidden = this.kind !== "microphone" || options.length < 3;
  }
}
