// What listening looks like: the button, the level, the status, the answer, and why it is so.
import { AnswerView } from "./answer-view.js";
import { Announcer } from "./announcer.js";
import { request } from "./api.js";
import { Awake } from "./awake.js";
import { byId, say } from "./dom.js";
import { clock, duration, nameOf } from "./format.js";
import { Sight } from "./sight.js";
import { text } from "./text.js";

const TICK_MS = 1000; // between two drawings of numbers: the page is put together anew for each
const LIVE = new Set(["listening", "matched", "lost", "reconnecting"]);
const WHEN_LISTENING = new Set(["quiet", "clipping", "pace", "processed", "narrow"]); // hints that do not matter while something is found
const BROKEN = 1006; // the code of a connection that ended without one

export class ListenView {
  constructor({ onPlay, onPlays, heardSeconds }) {
    this.root = byId("listen");
    this.sight = new Sight();
    this.awake = new Awake();
    this.announcer = new Announcer(byId("announcer"));
    this.answers = new AnswerView(byId("answer"), byId("others"), { onPlay });
    this.plays = onPlays;
    this.heardSeconds = heardSeconds;
    this.now = { state: "idle" };
    document.addEventListener("visibilitychange", () => this.draw(0));
  }

  state(state, detail) {
    const was = this.now.state;
    this.live = LIVE.has(state);
    this.now = { state, detail };
    if (!this.live) this.at = null;
    this.root.dataset.state = state;
    this.label();
    if (state !== was) this.sight.colour();
    this.hints([]);
    document.title = this.title();
    if (state === "asking" && was !== "asking") this.begin();
    if (this.live && !LIVE.has(was)) this.wake();
    if (!this.live && LIVE.has(was)) this.sleep();
  }

  // kind: what the button is for while nothing is heard
  label(kind = this.kind) {
    this.kind = kind;
    say(byId("listen-label"), this.now.state === "idle" ? text.button.idle[kind] : text.button[this.now.state]);
    if (this.now.state === "idle") say(byId("status"), this.statusWords());
  }

  title() {
    const { state, detail } = this.now;
    if (state === "matched") return text.title.matched(nameOf(detail));
    return state === "idle" ? text.title.idle : text.title.listening;
  }

  begin() {
    byId("problem").hidden = true;
    byId("welcome").hidden = false;
    this.pending = null;
    this.answers.clear();
    this.sight.clear();
  }

  wake() {
    this.sight.wake();
    this.awake.start();
  }

  sleep() {
    this.sight.sleep();
    this.awake.stop();
    this.draw(0);
  }

  ready(message, sampleRate) { this.sight.begin(message, sampleRate); }
  sound(block, until, level) { this.sight.sound(block, until, level); }
  seen(message) { this.sight.see(message); }
  weigh(message) { this.sight.weigh(message); }

  // In so many milliseconds, and all that has changed at once; nothing while the page is hidden.
  draw(wait) {
    if (document.hidden) return;
    clearTimeout(this.planned);
    this.planned = setTimeout(() => requestAnimationFrame(() => this.frame()), wait);
  }

  frame() {
    if (this.pending) {
      byId("welcome").hidden = true;
      this.answers.show(this.pending);
      this.pending = null;
    }
    this.answers.tick(this.heardSeconds());
    this.sight.words();
    if (this.live) this.draw(this.answers.nextSecond ?? TICK_MS);
  }

  // What is wrong, the worst first: the line below the button says one thing.
  hints(names) {
    const { state, detail } = this.now;
    const hint = state === "reconnecting" ? null : names.find((name) => state === "listening" || !WHEN_LISTENING.has(name));
    const words = hint ? text.hint[hint] : this.statusWords();
    byId("status").classList.toggle("is-hint", Boolean(hint));
    if (say(byId("status"), words) && (hint || state === "reconnecting")) this.announcer.say(words);
  }

  statusWords() {
    const { state, detail } = this.now;
    if (state === "idle") return this.isStarting ? text.status.starting : text.status.idle[this.kind];
    if (state === "asking" && detail?.name) return text.status.sending(detail.name, Math.floor(detail.fraction * 100));
    if (state === "asking") return text.status.asking[detail];
    if (state === "reconnecting") return text.status.reconnecting(detail);
    if (detail === "connecting") return text.status.connecting;
    return this.at ? text.status.file({ ...this.at, at: clock(this.at.at), of: clock(this.at.of), left: duration(this.at.left) }) : text.status[state];
  }

  // Whether the server has only just been started.
  starting(is) {
    this.isStarting = is;
    this.label();
  }

  // Where in a file, or null
  place(at) {
    this.at = at;
    if (at) this.hints([]);
  }

  answer(answer) {
    const before = this.pending ?? this.answers.answer;
    this.pending = answer;
    if (!this.live || !sameNews(before, answer)) this.draw(0);
    const words = wordsAloud(answer);
    if (words !== this.aloud) this.announcer.say(words);
    this.aloud = words;
  }

  problem(name, message) {
    if (name === "Undecodable") this.tell([text.problem.Undecodable[0], message]);
    else this.tell(text.problem[name] ?? text.problem.Other(name, message));
  }

  // The connection: its close code, and the error that the server sent before, if any.
  closed(code, error) {
    const [heading, advice] = text.closed[code] ?? text.closed.other(code);
    this.tell(text.ended[error?.code] ?? [heading, error?.message ?? advice]);
    if (code === BROKEN) this.findOut();
  }

  // The browser does not say why there is no connection; the server may.
  async findOut() {
    const reachable = await request("health").then(() => true, () => false);
    if (reachable) this.tell(text.closed.refused);
    else if (!navigator.onLine) this.tell(text.closed.offline);
  }

  tell([heading, advice]) {
    const box = byId("problem");
    say(box.querySelector("strong"), heading);
    say(box.querySelector("p"), advice);
    box.hidden = false;
    if (!this.answers.answer && !this.pending) byId("welcome").hidden = false;
  }
}

// Whether two answers differ in numbers alone, which can wait.
function sameNews(before, now) {
  const news = (answer) => [answer.verdict, answer.best, ...answer.others].map((part) => part?.track?.id ?? part).join();
  return Boolean(before) && news(before) === news(now);
}

function wordsAloud({ verdict, best }) {
  const words = text.say[verdict];
  return best && words ? words(nameOf(best.track)) : (words ?? "");
}
