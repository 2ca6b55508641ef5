// What the server has said, and what it amounts to. No clock, no page.
const ABSENT_AFTER = 7; // seconds of sound without a claim
const TOO_SHORT = 4; // seconds of sound that say nothing
const FAINT = 0.1; // confidence; below it a guess is no headline
const PERHAPS = 0.5; // a claim itself is the server's
const LIKELY = 0.9;
const WORTH_SHOWING = 0.01; // confidence; below it a guess is chance, and its place in the track means nothing
const LEAD = 0.05; // in confidence: what a lower guess must be better by to pass the one above it

// {verdict, best: Guess | null, others: [Guess]}: what the page shows
export function answerOf({ match, guesses }, instead) {
  const shown = guesses.filter((guess) => guess.confidence >= WORTH_SHOWING);
  if (match) return { verdict: "match", best: match, others: shown.filter((guess) => guess.track.id !== match.track.id) };
  const [first, ...others] = shown;
  if (instead && !(first?.confidence >= PERHAPS)) return { verdict: instead, best: null, others: shown };
  if (!(first?.confidence >= FAINT)) return { verdict: "searching", best: null, others: shown };
  return { verdict: wordFor(first.confidence), best: first, others };
}

function wordFor(confidence) {
  if (confidence >= LIKELY) return "likely";
  return confidence >= PERHAPS ? "perhaps" : "faint";
}

export const answerOfFile = (answer) => answerOf(answer, "absent");

// A guess moves up only with a clear lead, so that rows do not jump.
export function stable(before, now) {
  const place = (guess) => before.findIndex((old) => old.track.id === guess.track.id);
  const kept = now.filter((guess) => place(guess) >= 0).sort((a, b) => place(a) - place(b));
  const order = [...kept, ...now.filter((guess) => place(guess) < 0)];
  for (let end = 1; end < order.length; end += 1) rise(order, end);
  return order;
}

function rise(order, from) {
  for (let i = from; i > 0 && order[i].confidence > order[i - 1].confidence + LEAD; i -= 1) {
    [order[i - 1], order[i]] = [order[i], order[i - 1]];
  }
}

// One session, message by message.
export class Heard {
  constructor() {
    this.match = null;
    this.guesses = [];
    this.elapsed = 0;
    this.unclaimedSince = 0; // elapsed; silence and a claim both start it anew
  }

  // The level tells silence, in which nothing can be recognised and nothing is missing.
  apply(message, silent) {
    this.elapsed = message.elapsed;
    if (message.type === "guesses") this.listen(message.guesses);
    if (message.type === "match") this.match = message.guess;
    if (message.type === "lost") this.match = null;
    if (this.match || silent) this.unclaimedSince = this.elapsed;
  }

  listen(guesses) {
    this.guesses = stable(this.guesses, guesses);
    this.match = guesses.find((guess) => guess.track.id === this.match?.track.id) ?? this.match;
  }

  get unclaimed() { return this.elapsed - this.unclaimedSince; }
  get answer() { return answerOf(this, this.unclaimed >= ABSENT_AFTER ? "absent" : null); }

  // After the end message, which has the whole session's match.
  ended({ match, guesses }) {
    return answerOf({ match, guesses: stable(this.guesses, guesses) }, this.unclaimed < TOO_SHORT ? "none" : "absent");
  }
}
