// The spectrogram of the last seconds with the constellation over it. What is on the canvas moves to the left, and only what is new
// is painted; all at once, when it is shown.
const SECOND_WIDTH = 72; // CSS pixels
const MOST_DENSITY = 2; // device pixels a CSS pixel: more cannot be told from it here
const DOT = 5; // CSS pixels
const HEARD = "#d9d5f7";
const AGREES = "#4dffa6";
const SHADES = [[20, 18, 44], [44, 36, 108], [84, 68, 176], [140, 122, 236]];
const DARKEST = `rgb(${SHADES[0]})`;

export class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { alpha: false, willReadFrequently: true }); // it is copied onto itself
    this.shades = shades();
    new ResizeObserver(() => this.fit()).observe(canvas);
  }

  // scale: {frame_seconds, first_seconds, hertz} of the server
  begin({ frame_seconds, first_seconds, hertz }) {
    this.frameSeconds = frame_seconds;
    this.first = first_seconds;
    this.bands = hertz.length;
    this.shown = 0; // seconds that are on the canvas
    this.columns = []; // that are not on it yet: {levels, from, until}
    this.peaks = []; // {at, band, agrees, painted}
    this.fit();
  }

  // What was on the canvas is gone with its old size, except the peaks.
  fit() {
    const density = Math.min(window.devicePixelRatio, MOST_DENSITY);
    const { clientWidth, clientHeight } = this.canvas;
    this.canvas.width = Math.round(clientWidth * density);
    this.canvas.height = Math.round(clientHeight * density);
    this.perSecond = Math.round(SECOND_WIDTH * density);
    this.seconds = this.canvas.width / this.perSecond;
    this.dot = Math.round(DOT * density);
    this.pen.fillStyle = DARKEST;
    this.pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
    for (const peak of this.peaks ?? []) peak.painted = false;
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
    if (!this.canvas.width) return;
    if (this.columns.length) this.scroll(this.columns.at(-1).until);
    for (const column of this.columns) this.paintColumn(column);
    for (const peak of this.peaks) if (!peak.painted) this.paintPeak(peak);
    this.columns = [];
  }

  scroll(until) {
    const { width, height } = this.canvas;
    const shift = this.pixel(until) - this.pixel(this.shown);
    this.pen.drawImage(this.canvas, -shift, 0);
    this.pen.fillStyle = DARKEST;
    this.pen.fillRect(width - shift, 0, shift, height);
    this.shown = until;
  }

  paintColumn({ levels, from, until }) {
    const x = this.x(from);
    const width = this.x(until) - x;
    if (x + width > 0 && width > 0) this.pen.putImageData(this.image(levels, width, this.canvas.height), x, 0);
  }

  x(seconds) { return this.canvas.width - this.pixel(this.shown) + this.pixel(seconds); }
  pixel(seconds) { return Math.round(seconds * this.perSecond); }

  // A column, each row as bright as the loudest of its bands.
  image(levels, width, height) {
    const image = new ImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let row = 0; row < height; row += 1) {
      const low = Math.floor((row * this.bands) / height);
      const high = Math.max(low + 1, Math.floor(((row + 1) * this.bands) / height));
      let loudest = 0;
      for (let band = low; band < high; band += 1) loudest = Math.max(loudest, levels[band]);
      const start = (height - 1 - row) * width;
      pixels.fill(this.shades[loudest], start, start + width);
    }
    return image;
  }

  paintPeak(peak) {
    const y = this.canvas.height * (1 - (peak.band + 0.5) / this.bands);
    this.pen.fillStyle = peak.agrees ? AGREES : HEARD;
    this.pen.fillRect(this.x(peak.at) - (this.dot >> 1), Math.round(y - this.dot / 2), this.dot, this.dot);
    peak.painted = true;
  }
}

// The same peak comes as the same frame: a millisecond is less than any two are apart.
const key = ({ at, band }) => Math.round(at * 1000) * 256 + band;

// Each level's colour as the pixel of an image, little-endian.
function shades() {
  return Uint32Array.from({ length: 256 }, (_, level) => {
    const place = (level / 255) * (SHADES.length - 1);
    const low = Math.min(Math.floor(place), SHADES.length - 2);
    const [r, g, b] = SHADES[low].map((value, i) => Math.round(value + (SHADES[low + 1][i] - value) * (place - low)));
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
}
