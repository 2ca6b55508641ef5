// The spectrogram of the last seconds with the constellation over it. Columns and peaks are painted once, into a ring that the
// canvas shows a part of; so a frame costs two copies.
const RING_SECONDS = 16;
const FRAME_PIXELS = 2; // of the ring
const SECOND_WIDTH = 72; // CSS pixels
const MOST_DENSITY = 2; // device pixels a CSS pixel: more cannot be told from it here
const DOT = { width: 6, height: 7 }; // pixels of the ring
const HEARD = "#d9d5f7";
const AGREES = "#4dffa6";
const SHADES = [[20, 18, 44], [44, 36, 108], [84, 68, 176], [140, 122, 236]];

export class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { alpha: false });
    this.ring = document.createElement("canvas");
    this.shades = shades();
    new ResizeObserver(() => this.fit()).observe(canvas);
  }

  // scale: {frame_seconds, first_seconds, hertz} of the server
  begin({ frame_seconds, first_seconds, hertz }) {
    this.first = first_seconds;
    this.perSecond = FRAME_PIXELS / frame_seconds;
    this.ring.width = Math.round(RING_SECONDS * this.perSecond);
    this.ring.height = hertz.length;
    this.paint = this.ring.getContext("2d", { alpha: false, willReadFrequently: true });
    this.paint.fillStyle = `rgb(${SHADES[0]})`;
    this.paint.fillRect(0, 0, this.ring.width, this.ring.height);
    this.frame_seconds = frame_seconds;
    this.end = 0; // pixels painted
    this.peaks = [];
  }

  fit() {
    const density = Math.min(window.devicePixelRatio, MOST_DENSITY);
    this.canvas.width = Math.round(this.canvas.clientWidth * density);
    this.canvas.height = Math.round(this.canvas.clientHeight * density);
    this.seconds = this.canvas.clientWidth / SECOND_WIDTH;
    if (this.paint) this.show();
  }

  column(levels, seconds) {
    const from = this.end;
    const to = Math.max(from + 1, Math.round(seconds * this.perSecond));
    const width = Math.min(to - from, this.ring.width);
    const image = this.paint.createImageData(width, levels.length);
    const pixels = new Uint32Array(image.data.buffer);
    levels.forEach((level, band) => {
      const row = (levels.length - 1 - band) * width;
      pixels.fill(this.shades[level], row, row + width);
    });
    const x = from % this.ring.width;
    this.paint.putImageData(image, x, 0);
    if (x + width > this.ring.width) this.paint.putImageData(image, x - this.ring.width, 0);
    this.end = to;
  }

  // A constellation message: new peaks, and those that agree with the leader. Tells how many of the last seconds' there are of each.
  see({ base = 0, peaks, matched, reset }) {
    if (reset) for (const peak of this.peaks) this.mark(peak, false);
    for (let i = 0; i < peaks.length; i += 3) this.add(base, peaks[i], peaks[i + 1]);
    const known = new Map(this.peaks.map((peak) => [key(peak), peak]));
    for (let i = 0; i < matched.length; i += 2) {
      const peak = known.get(key({ x: this.place(base, matched[i]), band: matched[i + 1] }));
      if (peak) this.mark(peak, true);
    }
    this.peaks = this.peaks.filter(({ x }) => x > this.end - this.ring.width);
    return { heard: this.peaks.length, agree: this.peaks.filter((peak) => peak.agrees).length };
  }

  place(base, frame) { return Math.round((base + this.first + frame * this.frame_seconds) * this.perSecond); }

  add(base, frame, band) {
    const peak = { x: this.place(base, frame), band };
    this.peaks.push(peak);
    this.mark(peak, false);
  }

  mark(peak, agrees) {
    peak.agrees = agrees;
    this.paint.fillStyle = agrees ? AGREES : HEARD;
    const x = (peak.x % this.ring.width) - DOT.width / 2;
    this.paint.fillRect(x, this.ring.height - 1 - peak.band - DOT.height / 2, DOT.width, DOT.height);
  }

  show() {
    const { width, height } = this.canvas;
    const wanted = Math.min(this.ring.width, Math.round(this.seconds * this.perSecond));
    const scale = width / wanted;
    let from = this.end - wanted;
    this.pen.fillStyle = `rgb(${SHADES[0]})`;
    this.pen.fillRect(0, 0, width, height);
    from = Math.max(from, 0);
    while (from < this.end) {
      const x = from % this.ring.width;
      const part = Math.min(this.end - from, this.ring.width - x);
      const at = width - (this.end - from) * scale;
      this.pen.drawImage(this.ring, x, 0, part, this.ring.height, at, 0, part * scale, height);
      from += part;
    }
  }
}

const key = ({ x, band }) => x * 256 + band;

// Each level's colour as the pixel of an image, little-endian.
function shades() {
  return Uint32Array.from({ length: 256 }, (_, level) => {
    const place = (level / 255) * (SHADES.length - 1);
    const low = Math.min(Math.floor(place), SHADES.length - 2);
    const [r, g, b] = SHADES[low].map((value, i) => Math.round(value + (SHADES[low + 1][i] - value) * (place - low)));
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
}
