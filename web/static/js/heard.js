// What the server has said, and what it amounts to. No clock, no page.
// Known music that a microphone hears is named sooner or later; the share of it that is not named yet halves in about two seconds (see
// benchmarks/README.md, condition mic). So the longer nothing is claimed, the less likely the music is in the library.
import { Plays } from "./plays.js";

const HALVED_IN = 2; // seconds of sound
const ABSENT = 0.9; // belief from which on it is said
const DOUBT = 0.6; // and below which it is taken back
const CONFIRMED_WITHIN = 6; // seconds of sound after a break in which a claim must be made again
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

// Why nothing is named: the library is empty, what is heard is no music, or it is no music of this library.
function reasonOf({ tracks, heard }) {
  if (tracks === 0) return "empty";
  return { music: "absent", silence: "silence" }[heard] ?? "other";
}

// Of a file that only the server could decode. its: the seconds of the file between which the match is heard; more: other tracks heard in it
export const answerOfFile = (answer) => ({
  ...answerOf(answer, reasonOf(answer)), absent: answer.absent, its: answer.match && { from: answer.from, to: answer.to }, more: answer.others,
});

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
  // tracks: how many the library holds
  constructor(tracks) {
    this.tracks = tracks;
    this.heard = "music"; // what the server takes the sound for: music, other or silence
    this.musicAt = 0; // elapsed: when it was last music
    this.match = null;
    this.guesses = [];
    this.elapsed = 0;
    this.unconfirmedSince = NaN; // elapsed, after a break
    this.unclaimedSince = 0; // elapsed; silence and a claim both start it anew
    this.plays = new Plays();
    this.absent = 0; // belief that the music is not in the library
    this.isAbsent = false;
  }

  // A new session of the server, which has heard what came from `base` on, and knows nothing of the claim.
  resumed(base) {
    this.unconfirmedSince = this.match ? base : NaN;
    this.unclaimedSince = this.musicAt = base;
    this.plays.resumed(base);
  }

  // The level tells silence, in which nothing can be recognised and nothing is missing.
  apply(message, silent) {
    this.elapsed = message.elapsed;
    if (message.type === "guesses") this.listen(message.guesses);
    if (message.type === "match") this.claimed(message.guess);
    if (message.type === "lost" || this.elapsed - this.unconfirmedSince > CONFIRMED_WITHIN) this.claimed(null);
    if (message.heard) this.heard = message.heard;
    if (this.match || this.heard === "music") this.musicAt = this.elapsed;
    if (this.match || silent || !this.isMusic) this.unclaimedSince = this.elapsed;
    this.doubt(message.absent ?? this.absentNow);
    if (this.isAbsent && this.tracks !== 0) this.plays.unknown(this.unclaimedSince, this.elapsed);
    else this.plays.known();
  }

  claimed(guess) {
    if (guess) this.plays.claimed(guess, this.elapsed);
    else this.plays.lost();
    this.match = guess;
    this.unconfirmedSince = NaN;
  }

  // absent: the probability that the server gives to what was heard lately
  doubt(absent = 1) {
    this.absentNow = absent;
    this.absent = absent / (1 + 2 ** (-this.unclaimed / HALVED_IN));
    this.isAbsent = !this.match && this.absent >= (this.isAbsent ? DOUBT : ABSENT);
  }

  listen(guesses) {
    this.guesses = stable(this.guesses, guesses);
    this.plays.guesses(guesses, this.elapsed);
    this.match = guesses.find((guess) => guess.track.id === this.match?.track.id) ?? this.match;
  }

  get unclaimed() { return this.elapsed - this.unclaimedSince; }
  get isMusic() { return this.elapsed - this.musicAt < TOO_SHORT; } // a pause, or a moment that sounds otherwise, is nothing yet
  get answer() { return { ...answerOf(this, this.reason), absent: this.absent }; }

  get reason() {
    if (this.tracks === 0) return "empty";
    if (!this.isMusic) return reasonOf(this);
    return this.isAbsent ? "absent" : null;
  }

  // After the end message, which has the whole session's match.
  ended({ match, guesses, absent, heard, tracks }) {
    const reason = reasonOf({ heard, tracks });
    const verdict = reason === "absent" && this.unclaimed < TOO_SHORT ? "none" : reason;
    if (!this.plays.list.length && match) this.plays.claimed(match, this.elapsed);
    return { ...answerOf({ match: match ?? this.match, guesses: stable(this.guesses, guesses) }, verdict), absent };
  }
}
