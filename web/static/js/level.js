// How loud it is, whether it comes in time, and what to say about it.
const FLOOR_DB = -60; // the empty meter
const SILENT_DB = -58; // rms
const QUIET_DB = -42; // peak
const CLIPPED = 0.995; // peak
const SILENT_AFTER = 1.5; // seconds
const QUIET_AFTER = 3;
const CLIPPING_AFTER = 0.3; // seconds of clipped blocks, which decay as fast as they gather
const PACE_SECONDS = 10; // over which sound is compared with the clock
const ODD_PACE = 0.06; // share by which the two may differ: a busy page reads its clock late

const decibels = (amplitude) => 20 * Math.log10(Math.max(amplitude, 1e-6));

export class Level {
  // clock: tells seconds; null for a file, which keeps no pace
  constructor(clock = null) {
    this.clock = clock;
    this.silentFor = 0;
    this.quietFor = 0;
    this.clippedFor = 0;
    this.filled = 0; // 0..1, for the meter
    this.pace = 1; // seconds of sound a second
    this.paced = 0; // seconds of sound since the pace was last taken
  }

  add({ peak, rms, seconds }) {
    this.silentFor = decibels(rms) < SILENT_DB ? this.silentFor + seconds : 0;
    this.quietFor = decibels(peak) < QUIET_DB ? this.quietFor + seconds : 0;
    this.clippedFor = Math.max(0, Math.min(1, this.clippedFor + (peak >= CLIPPED ? seconds : -seconds / 4)));
    this.filled = Math.max(0, 1 - decibels(rms) / FLOOR_DB);
    if (this.clock) this.keepPace(seconds);
  }

  keepPace(seconds) {
    const now = this.clock();
    this.since ??= now;
    this.paced += this.since === now ? 0 : seconds;
    if (now - this.since < PACE_SECONDS) return;
    this.pace = this.paced / (now - this.since);
    this.since = now;
    this.paced = 0;
  }

  get silent() { return this.silentFor > SILENT_AFTER; }

  // All that is wrong now, the worst first.
  get hints() {
    if (this.silent) return ["silent"];
    return [
      this.quietFor > QUIET_AFTER && "quiet", this.clippedFor > CLIPPING_AFTER && "clipping",
      Math.abs(this.pace - 1) > ODD_PACE && "pace",
    ].filter(Boolean);
  }
}
