// One player for all references, at the foot of the page.
import { request } from "./api.js";
import { byId, say } from "./dom.js";
import { titleOf } from "./format.js";
import { text } from "./text.js";
import { saying, toast } from "./toast.js";

export class Player {
  constructor() {
    this.audio = byId("audio");
    this.audio.onerror = () => this.failed();
    byId("player-close").onclick = () => this.close();
  }

  play(track, seconds = 0) {
    this.opener = document.activeElement;
    say(byId("player-title"), titleOf(track));
    say(byId("player-artist"), track.artist);
    byId("player").hidden = false;
    document.body.classList.add("has-player");
    this.audio.src = `tracks/${track.id}/audio`;
    this.audio.currentTime = seconds;
    this.audio.play().catch(() => {}); // a failure is told by the error event
  }

  // The element does not say why: that the sound is gone, or the server.
  async failed() {
    if (byId("player").hidden) return;
    this.close();
    await saying(async () => {
      await request("health");
      toast(text.library.noAudio);
    });
  }

  close() {
    if (byId("player").contains(document.activeElement)) this.opener?.focus();
    byId("player").hidden = true;
    document.body.classList.remove("has-player");
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load();
  }
}
