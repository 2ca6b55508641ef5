// The choice of what to listen to, remembered in this browser.
import { TAB, canShareTab, devices } from "./microphone.js";
import { text } from "./text.js";

const KEY = "earprint.source";

export class SourceChoice {
  constructor(select) {
    this.select = select;
    select.onchange = () => localStorage.setItem(KEY, select.value);
    navigator.mediaDevices?.addEventListener("devicechange", () => this.refresh());
    this.refresh();
  }

  get value() { return this.select.value; }

  // Browsers name the devices only once the microphone has been allowed.
  async refresh() {
    const found = navigator.mediaDevices ? await devices() : [];
    const options = [new Option(text.source.microphone, "")];
    for (const device of found.filter(({ deviceId }) => deviceId !== "default")) {
      options.push(new Option(device.label || text.source.unnamed(options.length), device.deviceId));
    }
    if (canShareTab()) options.push(new Option(text.source.tab, TAB));
    const wanted = this.value || localStorage.getItem(KEY);
    this.select.replaceChildren(...options);
    this.select.value = options.some((option) => option.value === wanted) ? wanted : "";
    this.select.hidden = options.length < 2;
  }
}
