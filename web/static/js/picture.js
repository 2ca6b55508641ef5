// The spectrogram of the last seconds with the constellation over it. Its pixels are kept here, where moving them to the left and painting
// what is new costs a third of what the same costs on the canvas.
const DOT = 5; // CSS pixels
const CONTRAST = 1.8; // over 1 leaves the weak dark, so that peaks stand out
const SHADES = [[20, 18, 44], [44, 36, 108], [84, 68, 176], [140, 122, 236]];

const pixel = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0; // of an image, little-endian
const HEARD = pixel([217, 213, 247]);
const AGREES = pixel([77, 255, 166]);
const DARKEST = pixel(SHADES[0]);

export class Picture {
  // scale: {frame_seconds, first_seconds, hertz} of the server
  constructor(pen, { frame_seconds, first_seconds, hertz }) {
    this.pen = pen;
    this.shades = shades();
    this.frameSeconds = frame_seconds;
    this.first = first_seconds;
    this.bands = hertz.length;
    this.shown = 0; // seconds that are on the canvas
    this.columns = []; // that are not on it yet: {levels, from, until}
    this.peaks = []; // {at, band, agrees, painted}
  }

  // Pixels, of a second too; scale: of them to a CSS pixel. What was on the canvas is gone with its old size, except the peaks.
  fit(width, height, perSecond, scale) {
    this.width = width;
    this.height = height;
    this.perSecond = Math.round(perSecond);
    this.seconds = width / this.perSecond;
    this.dot = Math.round(DOT * scale);
    this.pixels = new Uint32Array(width * height).fill(DARKEST);
    for (const peak of this.peaks) peak.painted = false;
  }

  // levels: a byte a band; from, until: seconds
  column(levels, from, until) { this.columns.push({ levels, from, until }); }

  // A constellation message: new peaks, and those that agree with the leader. Tells how many of the last seconds' there are of each.
  see({ base = 0, peaks, matched, reset }) {
    if (reset) for (const peak of this.peaks) this.mark(peak, false);
    for (let i = 0; i < peaks.length; i += 3) this.peaks.push({ at: this.second(base, peaks[i]), band: peaks[i + 1] });
    this.peaks = this.peaks.filter(({ at }) => at > this.shown - this.seconds);
    const known = new Map(this.peaks.map((peak) => [key(peak), peak]));
    for (let i = 0; i < matched.length; i += 2) {
      const peak = known.get(key({ at: this.second(base, matched[i]), band: matched[i + 1] }));
      if (peak) this.mark(peak, true);
    }
    return { heard: this.peaks.length, agree: this.peaks.filter((peak) => peak.agrees).length };
  }

  second(base, frame) { return base + this.first + frame * this.frameSeconds; }

  mark(peak, agrees) {
    if (Boolean(peak.agrees) === agrees) return;
    peak.agrees = agrees;
    peak.painted = false;
  }

  show() {
    if (!this.width) return;
    if (this.columns.length) this.scroll(this.columns.at(-1).until);
    for (const column of this.columns) this.paintColumn(column);
    for (const peak of this.peaks) if (!peak.painted) this.paintPeak(peak);
    this.columns = [];
    this.pen.putImageData(new ImageData(new Uint8ClampedArray(this.pixels.buffer), this.width), 0, 0);
  }

  scroll(until) {
    const shift = Math.min(this.width, this.pixel(until) - this.pixel(this.shown));
    this.pixels.copyWithin(0, shift);
    this.rectangle(this.width - shift, 0, shift, this.height, DARKEST);
    this.shown = until;
  }

  // Each row as bright as the loudest of its bands
  paintColumn({ levels, from, until }) {
    const { height, bands } = this;
    const x = this.x(from);
    for (let row = 0; row < height; row += 1) {
      const low = Math.floor((row * bands) / height);
      const high = Math.max(low + 1, Math.floor(((row + 1) * bands) / height));
      let loudest = 0;
      for (let band = low; band < high; band += 1) loudest = Math.max(loudest, levels[band]);
      this.rectangle(x, height - 1 - row, this.x(until) - x, 1, this.shades[loudest]);
    }
  }

  paintPeak(peak) {
    const y = this.height * (1 - (peak.band + 0.5) / this.bands);
    const left = this.x(peak.at) - (this.dot >> 1);
    this.rectangle(left, Math.round(y - this.dot / 2), this.dot, this.dot, peak.agrees ? AGREES : HEARD);
    peak.painted = true;
  }

  // As much of it as there is room for
  rectangle(left, top, width, height, colour) {
    const from = Math.max(0, left);
    const until = Math.min(this.width, left + width);
    if (from >= until) return;
    for (let row = Math.max(0, top); row < Math.min(this.height, top + height); row += 1) {
      this.pixels.fill(colour, row * this.width + from, row * this.width + until);
    }
  }

  x(seconds) { return this.width - this.pixel(this.shown) + this.pixel(seconds); }
  pixel(seconds) { return Math.round(seconds * this.perSecond); }
}

// The same peak comes as the same frame: a millisecond is less than any two are apart.
const key = ({ at, band }) => Math.round(at * 1000) * 256 + band;

// Each level's colour
function shades() {
  return Uint32Array.from({ length: 256 }, (_, level) => {
    const place = (level / 255) ** CONTRAST * (SHADES.length - 1);
    const low = Math.min(Math.floor(place), SHADES.length - 2);
    return pixel(SHADES[low].map((value, i) => Math.round(value + (SHADES[low + 1][i] - value) * (place - low))));
  });
}
