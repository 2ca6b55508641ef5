// Phones would go dark and stop the microphone. Where the wish is refused, listening still works.
export class Awake {
  constructor() {
    document.addEventListener("visibilitychange", () => this.wanted && this.ask()); // a hidden page loses its lock
  }

  start() {
    this.wanted = true;
    this.ask();
  }

  async ask() {
    if (document.hidden) return;
    const lock = await navigator.wakeLock?.request("screen").catch(() => null);
    if (this.wanted) this.lock = lock;
    else lock?.release();
  }

  stop() {
    this.wanted = false;
    this.lock?.release();
    this.lock = null;
  }
}
