// Speaks to screen readers: only what is new, and not more often than one can listen to.
const PAUSE_MS = 2500;

export class Announcer {
  constructor(element) {
    this.element = element;
    this.spokenAt = -PAUSE_MS;
  }

  say(words) {
    if (words === this.wanted) return;
    this.wanted = words;
    clearTimeout(this.timer);
    const wait = Math.max(0, this.spokenAt + PAUSE_MS - performance.now());
    this.timer = setTimeout(() => {
      this.element.textContent = words;
      this.spokenAt = performance.now();
    }, wait);
  }
}
