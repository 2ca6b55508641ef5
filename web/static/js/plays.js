// What was played, and from when to when: from the server's messages of one listening. Seconds of sound; no clock, no page.
const SUPPORT = 0.1; // confidence from which on a guess supports the claim that it may become
const STANDS = 0.5; // confidence below which a claim is not supported any more
const SAME_PLACE = 3; // seconds that the beginning of a track may seem to move by within one play
const INTRO = 30; // seconds of a track that may be missing at its beginning, because they are too quiet to be recognised

export class Plays {
  constructor() {
    this.list = []; // {track: or null where music is not in the library, from, to, zero: where the track would begin}, in order
    this.floor = 0; // nothing began before
    this.support = new Map(); // track id -> {since, zero}
    this.play = null; // the last one, if it still goes on
  }

  // After a break: what comes now was not heard before `base`.
  resumed(base) {
    this.floor = Math.max(this.floor, base);
    this.support.clear();
  }

  guesses(guesses, elapsed) {
    const likely = guesses.filter(({ confidence }) => confidence >= SUPPORT);
    const before = this.support;
    this.support = new Map(likely.map((guess) => [guess.track.id, goesOn(before.get(guess.track.id), guess, elapsed)]));
    const claimed = likely.find(({ track, confidence }) => track.id === this.play?.track?.id && confidence >= STANDS);
    if (claimed) this.until(elapsed, claimed);
  }

  claimed(guess, elapsed) {
    if (this.play?.track?.id === guess.track.id) return this.until(elapsed, guess);
    const zero = zeroOf(guess);
    const since = this.support.get(guess.track.id)?.since ?? elapsed;
    const intro = guess.offset + guess.speed * since <= INTRO;
    this.begin({ track: guess.track, from: intro ? Math.min(zero, since) : since, to: elapsed, zero });
    return this.until(elapsed, guess);
  }

  lost() { if (this.play?.track) this.play = null; }

  // since: when music that is not in the library began
  unknown(since, elapsed) {
    if (this.play?.track) return;
    if (!this.play) this.begin({ track: null, from: since, to: elapsed, zero: 0 });
    this.play.to = elapsed;
  }

  // Music has been claimed, or is no longer: the unknown is over.
  known() { if (this.play && !this.play.track) this.play = null; }

  // What was taken for unknown may have been the beginning of what is known by now.
  begin(play) {
    const before = this.list.at(-1);
    if (play.track && before && !before.track) before.to = Math.min(before.to, Math.max(play.from, before.from));
    if (before && before.to <= before.from) this.list.pop();
    play.from = Math.max(play.from, this.floor, this.list.at(-1)?.to ?? 0);
    play.to = Math.max(play.to, play.from);
    this.list.push(play);
    this.play = play;
  }

  // No longer than the track is.
  until(elapsed, { track, offset, speed }) {
    const end = track.duration ? (track.duration - offset) / speed : elapsed;
    this.play.to = Math.max(this.play.to, Math.min(elapsed, end));
  }
}

const zeroOf = ({ offset, speed }) => -offset / speed;

// A guess of the same track at another place is another beginning.
function goesOn(before, guess, elapsed) {
  const zero = zeroOf(guess);
  return before && Math.abs(before.zero - zero) <= SAME_PLACE ? { since: before.since, zero } : { since: elapsed, zero };
}
