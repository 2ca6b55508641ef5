// How loud it is, and what to say about it.
const FLOOR_DB = -60; // the empty meter
const SILENT_DB = -58; // rms
const QUIET_DB = -42; // peak
const CLIPPED = 0.995; // peak
const SILENT_AFTER = 1.5; // seconds
const QUIET_AFTER = 3;
const CLIPPING_AFTER = 0.3; // seconds of clipped blocks, which decay as fast as they gather

const decibels = (amplitude) => 20 * Math.log10(Math.max(amplitude, 1e-6));

export class Level {
  constructor() {
    this.silentFor = 0;
    this.quietFor = 0;
    this.clippedFor = 0;
    this.filled = 0; // 0..1, for the meter
  }

  add({ peak, rms, seconds }) {
    this.silentFor = decibels(rms) < SILENT_DB ? this.silentFor + seconds : 0;
    this.quietFor = decibels(peak) < QUIET_DB ? this.quietFor + seconds : 0;
    this.clippedFor = Math.max(0, Math.min(1, this.clippedFor + (peak >= CLIPPED ? seconds : -seconds / 4)));
    this.filled = Math.max(0, 1 - decibels(rms) / FLOOR_DB);
  }

  get silent() { return this.silentFor > SILENT_AFTER; }

  get hint() {
    if (this.silent) return "silent";
    if (this.quietFor > QUIET_AFTER) return "quiet";
    return this.clippedFor > CLIPPING_AFTER ? "clipping" : null;
  }
}
