// Listening: source -> socket -> answer. The states are those of text.status; nothing here draws.
import { Heard } from "./heard.js";
import { Level } from "./level.js";
import { Microphone } from "./microphone.js";
import { ListenSocket } from "./socket.js";

export class Listener {
  // view: state(name, detail), answer(answer), level(level), problem(name, detail), matched(guess)
  constructor(view) {
    this.view = view;
    this.attempt = 0;
    this.state = "idle";
  }

  to(state, detail) {
    this.state = state;
    this.view.state(state, detail);
  }

  get active() { return this.state !== "idle"; }

  // Seconds of sound that the server has been sent, running on between blocks.
  get heardSeconds() {
    if (!this.socket?.sentSeconds) return 0;
    return this.socket.sentSeconds + (performance.now() - this.blockAt) / 1000;
  }

  async start(source) {
    const attempt = (this.attempt += 1);
    this.socket?.drop(); // a session that is still waiting for its last answer
    this.socket = null;
    this.to("asking");
    try {
      const microphone = await Microphone.open(source, this.sourceHandlers());
      if (attempt !== this.attempt) return microphone.close(); // cancelled while the browser was asking
      this.listen(microphone);
    } catch (error) {
      if (attempt !== this.attempt) return;
      this.to("idle");
      this.view.problem(error.name, error.message);
    }
  }

  sourceHandlers() {
    this.level = new Level();
    return {
      onBlock: (block) => this.block(block),
      onMuted: (muted) => { this.muted = muted; },
      onEnded: () => { this.stop(); this.view.problem("Ended"); },
    };
  }

  listen(microphone) {
    this.microphone = microphone;
    this.muted = false;
    this.to("listening", "connecting");
    this.socket = new ListenSocket(microphone.sampleRate, {
      onOpen: () => this.opened(),
      onMessage: (message) => this.message(message),
      onRetry: (seconds) => this.to("reconnecting", seconds),
      onClosed: (code, message) => this.closed(code, message),
    });
  }

  opened() {
    this.heard = new Heard();
    this.to("listening");
    this.view.answer(this.heard.answer);
  }

  block(block) {
    this.blockAt = performance.now();
    this.level.add(block);
    this.socket?.send(block);
    this.view.level(this.level.filled, this.hint);
  }

  get hint() {
    if (this.muted) return "muted";
    return this.level.hint ?? (this.microphone?.processed ? "processed" : null);
  }

  message(message) {
    if (message.type === "end") return this.view.answer(this.heard.ended(message));
    this.heard.apply(message, this.level.silent);
    if (message.type === "match") this.to("matched", message.guess.track);
    if (message.type === "lost") this.to("lost");
    if (message.type === "match") this.view.matched(message.guess);
    this.view.answer(this.heard.answer);
  }

  // The microphone goes at once; the socket may still bring the last answer.
  stop() {
    this.attempt += 1;
    this.microphone?.close();
    this.microphone = null;
    this.to("idle");
    this.socket?.stop();
  }

  closed(code, message) {
    this.socket = null;
    if (!this.active) return;
    this.stop();
    this.view.problem(code, message);
  }
}
