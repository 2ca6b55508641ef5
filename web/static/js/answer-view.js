// Shows one answer: the best guess large, the others with bars.
import { action, clone, cloneOne, cover, fill, part, say } from "./dom.js";
import { clock, percent, pitchFact, speedFact, titleOf } from "./format.js";
import { text } from "./text.js";

const LATE = 0.1; // seconds after the next second to show it: sound comes in blocks as long as this

export class AnswerView {
  // root: for the best guess; others: for the rest; onPlay(track, seconds): the reference from there
  constructor(root, others, { onPlay }) {
    this.root = root;
    this.others = others;
    this.heardSeconds = 0;
    root.append(clone("answer-template"));
    others.append(clone("others-template"));
    this.best = root.querySelector(".best");
    this.cursor = part(root, "cursor");
    action(root, "play").onclick = () => onPlay(this.answer.best.track, this.positionOf(this.answer.best));
  }

  show(answer) {
    this.answer = answer;
    this.root.hidden = this.others.hidden = false;
    this.best.dataset.verdict = answer.verdict;
    this.showBest(answer);
    this.showOthers(answer);
    this.tick(this.heardSeconds);
  }

  clear() {
    this.root.hidden = this.others.hidden = true;
    this.heardSeconds = 0;
    this.answer = null;
  }

  showBest({ verdict, best, absent, its, more }) {
    const words = best ? wordsOf(best) : { title: text.verdict[verdict], artist: "", album: "", percent: "" };
    if (verdict === "absent") words.percent = text.sure(percent(absent));
    fill(this.root, { ...words, verdict: best ? text.verdict[verdict] : "", advice: best ? "" : text.advice[verdict] });
    if (best?.track.id !== this.pictured) cover(this.root, best?.track);
    this.pictured = best?.track.id;
    part(this.root, "timeline").hidden = !best;
    action(this.root, "play").hidden = !best;
    show(part(this.root, "facts"), best ? [...factsOf(best), ...factsOfFile(its, more)] : []);
  }

  showOthers({ verdict, others }) {
    const list = part(this.others, "others");
    const rows = new Map([...list.children].map((row) => [row.dataset.id, row]));
    const wanted = others.map((guess) => this.row(rows.get(String(guess.track.id)), guess));
    if (wanted.some((row, index) => row !== list.children[index]) || wanted.length !== list.children.length) {
      list.replaceChildren(...wanted);
    }
    fill(this.others, { title: others.length ? (text.others[verdict] ?? text.others.guess) : "", none: others.length ? "" : text.others.nobody });
  }

  row(existing, guess) {
    const row = existing ?? cloneOne("other-template");
    row.dataset.id = guess.track.id;
    fill(row, {
      title: titleOf(guess.track), artist: [guess.track.artist, ...changesOf(guess)].filter(Boolean).join(" \u00b7 "),
      percent: percent(guess.confidence), position: clock(this.positionOf(guess)),
    });
    part(row, "bar").style.transform = `scaleX(${guess.confidence})`;
    return row;
  }

  // Seconds of sound heard so far: the cursor follows while the music plays.
  tick(heardSeconds) {
    this.heardSeconds = heardSeconds;
    const best = this.answer?.best;
    if (!best) return;
    const position = this.positionOf(best);
    fill(this.root, { position: clock(position) });
    const done = position / Math.max(best.track.duration, 1);
    this.cursor.style.transform = `translateX(${100 * (done - 1)}%)`;
  }

  // Milliseconds until the place in the track is another second; undefined where there is none.
  get nextSecond() {
    const best = this.answer?.best;
    return best && 1000 * (LATE + (1 - (this.positionOf(best) % 1)) / best.speed);
  }

  positionOf({ offset, speed, track }) {
    return Math.min(track.duration, Math.max(0, offset + speed * this.heardSeconds));
  }
}

const wordsOf = ({ track, confidence }) => ({
  title: titleOf(track), artist: track.artist || text.unknownArtist, album: track.album,
  percent: text.sure(percent(confidence)), length: clock(track.duration),
});

const changesOf = ({ speed, pitch_cents }) => [speedFact(speed), pitchFact(pitch_cents)].filter(Boolean);
const factsOf = (guess) => [...changesOf(guess), guess.twins_total ? text.twins(guess.twins_total) : null].filter(Boolean);
const factsOfFile = (its, more) => [its && text.part(clock(its.from), clock(its.to)), more && text.more(more)].filter(Boolean);

function show(list, facts) {
  if (facts.join() === [...list.children].map((item) => item.textContent).join()) return;
  list.replaceChildren(...facts.map((fact) => {
    const item = document.createElement("li");
    say(item, fact);
    return item;
  }));
}
