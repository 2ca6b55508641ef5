// What listening looks like: the button, the level, the status, the answer.
import { AnswerView } from "./answer-view.js";
import { Announcer } from "./announcer.js";
import { byId, say } from "./dom.js";
import { nameOf } from "./format.js";
import { Rings } from "./rings.js";
import { text } from "./text.js";

const TICK_MS = 200; // the cursor in the track
const LIVE = new Set(["listening", "matched", "lost", "reconnecting"]);

export class ListenView {
  constructor({ onPlay, onMatch, heardSeconds }) {
    this.root = byId("listen");
    this.rings = new Rings(byId("rings"));
    this.announcer = new Announcer(byId("announcer"));
    this.answers = new AnswerView(byId("answer"), { onPlay });
    this.onMatch = onMatch;
    this.heardSeconds = heardSeconds;
  }

  state(state, detail) {
    const wasLive = this.live;
    this.live = LIVE.has(state);
    this.now = { state, detail };
    this.root.dataset.state = state;
    say(byId("listen-label"), text.button[state]);
    byId("listen-button").setAttribute("aria-pressed", String(state !== "idle"));
    this.status(null);
    document.title = this.title();
    if (state === "asking") this.begin();
    if (this.live && !wasLive) this.wake();
    if (!this.live && wasLive) this.sleep();
  }

  title() {
    const { state, detail } = this.now;
    if (state === "matched") return text.title.matched(nameOf(detail));
    return state === "idle" ? text.title.idle : text.title.listening;
  }

  begin() {
    byId("problem").hidden = true;
    byId("welcome").hidden = false;
    this.answers.clear();
  }

  wake() {
    this.rings.start();
    this.timer = setInterval(() => this.tick(), TICK_MS);
    // Phones would go dark and stop the microphone; where the wish is refused, listening still works.
    this.lock = navigator.wakeLock?.request("screen").catch(() => null);
  }

  // Without a connection the seconds begin anew, and no place in the track follows from them.
  tick() {
    if (this.now.state !== "reconnecting") this.answers.tick(this.heardSeconds());
  }

  sleep() {
    clearInterval(this.timer);
    this.rings.stop();
    this.level(0, null);
    this.lock?.then((lock) => lock?.release());
  }

  level(filled, hint) {
    this.rings.level = filled;
    byId("level").style.transform = `scaleX(${filled})`;
    if (this.live) this.status(hint);
  }

  status(hint) {
    const { state, detail } = this.now;
    const shown = hint && (hint !== "processed" || state === "listening");
    const words = shown ? text.hint[hint] : this.statusWords(state, detail);
    byId("status").classList.toggle("is-hint", Boolean(shown));
    const changed = say(byId("status"), words);
    if (changed && (shown || state === "reconnecting")) this.announcer.say(words);
  }

  statusWords(state, detail) {
    if (state === "reconnecting") return text.status.reconnecting(detail);
    return detail === "connecting" ? text.status.connecting : text.status[state];
  }

  answer(answer) {
    byId("welcome").hidden = true;
    this.answers.show(answer);
    const words = wordsAloud(answer);
    if (words !== this.aloud) this.announcer.say(words);
    this.aloud = words;
  }

  matched(guess) { this.onMatch(guess.track); }

  problem(name, message) {
    const [heading, advice] = wordsFor(name, message);
    const box = byId("problem");
    say(box.querySelector("strong"), heading);
    say(box.querySelector("p"), advice);
    box.hidden = false;
    if (!this.answers.answer) byId("welcome").hidden = false;
  }
}

function wordsAloud({ verdict, best }) {
  const words = text.say[verdict];
  return best && words ? words(nameOf(best.track)) : (words ?? "");
}

function wordsFor(name, message) {
  if (typeof name === "string") return text.problem[name] ?? text.problem.Other(name, message);
  const [heading, advice] = text.closed[name] ?? (name === 1006 ? text.closed.unreachable : text.closed.other(name));
  return [heading, message ?? advice];
}
