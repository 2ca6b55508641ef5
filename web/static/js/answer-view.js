// Shows one answer, live or of a file: the best guess large, the others with bars.
import { action, clone, cloneOne, fill, part, say } from "./dom.js";
import { clock, percent, pitchFact, speedFact, titleOf } from "./format.js";
import { text } from "./text.js";

export class AnswerView {
  // onPlay(track, seconds): the reference from there
  constructor(root, { onPlay, advice = text.advice }) {
    this.root = root;
    this.advice = advice;
    this.heardSeconds = 0;
    root.append(clone("answer-template"));
    this.best = root.querySelector(".best");
    action(root, "play").onclick = () => onPlay(this.answer.best.track, this.positionOf(this.answer.best));
  }

  show(answer) {
    this.answer = answer;
    this.root.hidden = false;
    this.best.dataset.verdict = answer.verdict;
    this.showBest(answer);
    this.showOthers(answer);
    this.tick(this.heardSeconds);
  }

  clear() {
    this.root.hidden = true;
    this.heardSeconds = 0;
    this.answer = null;
  }

  showBest({ verdict, best }) {
    const words = best ? wordsOf(best) : { title: text.verdict[verdict], artist: "", album: "", percent: "" };
    fill(this.root, { ...words, verdict: best ? text.verdict[verdict] : "", advice: best ? "" : this.advice[verdict] });
    part(this.root, "timeline").hidden = !best;
    action(this.root, "play").hidden = !best;
    part(this.root, "facts").replaceChildren(...(best ? factsOf(best) : []));
  }

  showOthers({ verdict, others }) {
    const list = part(this.root, "others");
    const rows = new Map([...list.children].map((row) => [row.dataset.id, row]));
    const wanted = others.map((guess) => this.row(rows.get(String(guess.track.id)), guess));
    if (wanted.some((row, index) => row !== list.children[index]) || wanted.length !== list.children.length) {
      list.replaceChildren(...wanted);
    }
    fill(this.root, { others: others.length ? (text.others[verdict] ?? text.others.guess) : "" });
  }

  row(existing, guess) {
    const row = existing ?? cloneOne("other-template");
    row.dataset.id = guess.track.id;
    fill(row, {
      title: titleOf(guess.track), artist: guess.track.artist,
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
    part(this.root, "cursor").style.transform = `translateX(${100 * (done - 1)}%)`;
  }

  positionOf({ offset, speed, track }) {
    return Math.min(track.duration, Math.max(0, offset + speed * this.heardSeconds));
  }
}

const wordsOf = ({ track, confidence }) => ({
  title: titleOf(track), artist: track.artist || text.unknownArtist, album: track.album,
  percent: percent(confidence), length: clock(track.duration),
});

function factsOf({ speed, pitch_cents, twins }) {
  const facts = [speedFact(speed), pitchFact(pitch_cents), twins.length ? text.twins(twins.length) : null];
  return facts.filter(Boolean).map((fact) => {
    const item = document.createElement("li");
    say(item, fact);
    return item;
  });
}
