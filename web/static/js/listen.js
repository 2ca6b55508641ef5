// Listening: source -> socket -> answer. The states are those of text.status; nothing here draws.
import { load, sendFile } from "./api.js";
import { hold, release } from "./leaving.js";

const BEHIND_SECONDS = 3; // of sound sent and not answered, from which on the server or the network is slow
const FILE_BYTES = 64 << 20; // an hour of mp3; a larger file is not decoded in the browser's memory

// What listening begins with is fetched when the button is approached: a browser that is asked long after the press would refuse.
export const prepare = () => [load("level"), load("microphone")];

// Of a file that the server has identified as a whole.
const playsOf = ({ match, from, to, duration }) => (match ? [{
  track: match.track, from: from ?? Math.max(0, -match.offset / match.speed),
  to: to ?? Math.min(duration, (match.track.duration - match.offset) / match.speed), zero: -match.offset / match.speed,
}] : []);

const seconds = () => performance.now() / 1000;

export class Listener {
  // view: state(name, detail), place({name, at, of, left} | null), ready(message, rate), sound(block, until, level), seen(message), weigh(message), answer(answer), hints([name]),
  // problem(name, detail), closed(code, error), plays([play], {zero, file}): what was played since `zero`, and in which file
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

  // Seconds of sound at this moment: of a microphone running on between blocks, of a file what is answered.
  get heardSeconds() {
    if (!this.socket?.heardSeconds || this.file) return this.heard?.elapsed ?? 0;
    return this.socket.heardSeconds + seconds() - this.blockAt;
  }

  // choice: {kind: "microphone" | "tab", device} or {kind: "file", file}
  async start(choice) {
    const attempt = (this.attempt += 1);
    this.leave();
    this.file = choice.file ?? null;
    this.to("asking", choice.kind);
    try {
      const source = await this.open(choice);
      if (attempt !== this.attempt) return source.close(); // cancelled while the browser was asking
      await this.listen(source);
    } catch (error) {
      if (attempt !== this.attempt) return;
      if (this.file && error.name === "EncodingError") return this.ask(choice.file, attempt);
      this.fail(error.name, error.message);
    }
  }

  // A session that is still waiting for its last answer, and its file, make room.
  leave() {
    this.sending?.abort();
    this.source?.close();
    this.socket?.drop();
    this.source = this.socket = this.heard = null;
  }

  async open({ kind, device, file }) {
    const [{ Level }, { Microphone }] = await Promise.all(prepare());
    this.level = new Level(file ? null : seconds);
    if (!file) return Microphone.open({ kind, device }, this.sourceHandlers());
    if (file.size > FILE_BYTES) throw new DOMException("large", "EncodingError");
    const { FileSource } = await load("file-source");
    return FileSource.open(file, this.sourceHandlers());
  }

  sourceHandlers() {
    return {
      onBlock: (block) => this.block(block),
      onMuted: (muted) => { this.muted = muted; this.view.hints(this.hints); },
      onPaused: (paused) => { this.paused = paused; this.view.hints(this.hints); },
      onEnded: () => { this.stop(); this.view.problem("Ended"); },
      onFinished: () => this.socket?.stop(),
      waiting: () => this.socket?.waiting ?? Infinity,
    };
  }

  async listen(source) {
    this.source = source;
    this.begun = Date.now();
    this.muted = this.paused = false;
    this.to("listening", "connecting");
    const [{ ListenSocket }, { Heard }] = await Promise.all([load("socket"), load("heard")]); // not before they are needed
    if (this.source !== source) return; // stopped meanwhile
    this.Heard = Heard;
    this.socket = new ListenSocket(source.sampleRate, {
      onReady: (message) => this.ready(message),
      onMessage: (message) => this.message(message),
      onRetry: (wait) => this.to("reconnecting", wait),
      onClosed: (code, error) => this.closed(code, error),
    });
    source.run?.();
  }

  // A file that the browser cannot decode: the server can, perhaps.
  async ask(file, attempt) {
    const ends = (this.sending = new AbortController());
    hold(ends);
    const sent = (fraction) => attempt === this.attempt && this.to("asking", { fraction, name: file.name });
    sent(0);
    try {
      const answer = await sendFile("predict", file, sent, ends.signal);
      if (attempt !== this.attempt) return;
      this.to("idle");
      this.view.answer((await load("heard")).answerOfFile(answer));
      this.view.plays(playsOf(answer), { zero: Date.now(), file: file.name });
    } catch (error) {
      if (attempt === this.attempt) this.fail(error.name === "Offline" ? error.name : "Undecodable", error.message);
    } finally {
      release(ends);
    }
  }

  fail(name, message) {
    this.source?.close();
    this.source = null;
    this.to("idle");
    this.view.problem(name, message);
  }

  ready(message) {
    this.heard?.resumed(message.base);
    this.heard ??= new this.Heard(message.tracks);
    if (!this.source) return; // stopped meanwhile
    this.to(this.heard.match ? "matched" : "listening", this.heard.match?.track);
    this.view.ready(message, this.source.sampleRate);
    this.view.answer(this.heard.answer);
  }

  block(block) {
    this.blockAt = seconds();
    this.socket?.send(block);
    this.level.add(block);
    this.view.sound(block, this.socket?.heardSeconds ?? 0, this.level.filled);
    this.view.hints(this.hints);
  }

  get hints() {
    if (this.paused) return ["paused"];
    if (this.muted) return ["muted"];
    return [...this.level.hints, ...(this.behind > BEHIND_SECONDS ? ["behind"] : []), ...(this.source?.hints ?? [])];
  }

  // Seconds of a microphone's sound that were sent and not answered.
  get behind() {
    if (this.file || !this.heard || !this.socket || this.state === "reconnecting") return 0;
    return this.socket.heardSeconds - this.heard.elapsed;
  }

  message(message) {
    if (message.type === "constellation") return this.view.seen(message);
    if (message.type === "end") return this.ended(message);
    const before = this.heard.match?.track;
    this.heard.apply(message, this.level.silent);
    const now = this.heard.match?.track;
    if (this.active && now && now.id !== before?.id) this.to("matched", now);
    if (this.active && before && !now) this.to("lost");
    if (message.type === "guesses") this.view.weigh(message);
    this.show(this.heard.answer);
  }

  show(answer) {
    this.view.answer(answer);
    this.view.place(this.file && this.source ? this.place : null);
    this.view.plays(this.heard.plays.list, { zero: this.file ? this.begun : Date.now() - 1000 * this.heardSeconds, file: this.file?.name });
  }

  // In a file: its name, the seconds answered and in all, and those that are left at this pace.
  get place() {
    const { elapsed } = this.heard;
    const left = elapsed && ((Date.now() - this.begun) / 1000) * (this.source.duration / elapsed - 1);
    return { name: this.file.name, at: elapsed, of: this.source.duration, left };
  }

  ended(message) {
    this.heard.elapsed = message.elapsed;
    const answer = this.heard.ended(message);
    if (this.file && answer.verdict === "absent") this.heard.plays.unknown(this.heard.unclaimedSince, message.elapsed);
    this.show(answer);
  }

  // The source goes at once; the socket may still bring the last answer.
  stop() {
    this.attempt += 1;
    this.sending?.abort();
    this.source?.close();
    this.source = null;
    this.to("idle");
    this.socket?.stop();
  }

  // code: null when it was asked for
  closed(code, error) {
    this.socket = null;
    if (!this.active) return;
    this.stop();
    if (code) this.view.closed(code, error);
  }
}
