// The evidence for the leading guess as a line that rises, and the bits that a claim needs.
import { text } from "./text.js";

const SECOND_WIDTH = 72; // CSS pixels, as of the picture above
const MARGIN = 6;
const KEPT_SECONDS = 30;
const SLACK = 1.15; // room over the highest point
const COLOURS = { below: "#a9a4ff", above: "#4dffa6", threshold: "#c9c5e8", behind: "#14122c" };

export class Evidence {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { alpha: false });
    this.points = [];
    new ResizeObserver(() => this.fit()).observe(canvas);
  }

  begin(threshold) {
    this.threshold = threshold;
    this.points = [];
    this.fit();
  }

  fit() {
    const density = window.devicePixelRatio;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.canvas.width = Math.round(this.width * density);
    this.canvas.height = Math.round(this.height * density);
    this.pen.setTransform(density, 0, 0, density, 0, 0);
    this.changed = true;
    this.show();
  }

  // now: seconds heard; the right edge, as of the picture
  add(elapsed, bits, now) {
    this.points = this.points.filter((point) => point.elapsed > elapsed - KEPT_SECONDS);
    this.points.push({ elapsed, bits: Math.max(0, bits) });
    this.now = now;
    this.changed = true;
  }

  show() {
    if (!this.threshold || !this.changed) return;
    this.changed = false;
    const { width, height } = this;
    const top = SLACK * Math.max(2 * this.threshold, ...this.points.map((point) => point.bits));
    const y = (bits) => height - MARGIN - (bits / top) * (height - 2 * MARGIN);
    this.pen.fillStyle = COLOURS.behind;
    this.pen.fillRect(0, 0, width, height);
    if (this.points.length) this.line(this.points.map(({ elapsed, bits }) => [width - (this.now - elapsed) * SECOND_WIDTH, y(bits)]), height);
    this.rule(width, y(this.threshold));
  }

  rule(width, y) {
    this.pen.strokeStyle = this.pen.fillStyle = COLOURS.threshold;
    this.pen.setLineDash([4, 4]);
    this.pen.lineWidth = 1;
    this.pen.beginPath();
    this.pen.moveTo(0, y);
    this.pen.lineTo(width, y);
    this.pen.stroke();
    this.pen.setLineDash([]);
    this.pen.font = "12px system-ui, sans-serif";
    this.pen.strokeStyle = COLOURS.behind; // so that it can be read on the line
    this.pen.lineWidth = 4;
    this.pen.strokeText(text.sight.claim, 10, y - 5);
    this.pen.fillText(text.sight.claim, 10, y - 5);
  }

  line(places, height) {
    const claimed = this.points.at(-1).bits >= this.threshold;
    const [last] = places.slice(-1);
    this.pen.strokeStyle = this.pen.fillStyle = claimed ? COLOURS.above : COLOURS.below;
    this.pen.lineWidth = 2.5;
    this.pen.lineJoin = "round";
    this.pen.beginPath();
    for (const [x, y] of places) this.pen.lineTo(x, y);
    this.pen.lineTo(this.width, last[1]);
    this.pen.stroke();
    this.pen.lineTo(this.width, height);
    this.pen.lineTo(places[0][0], height);
    this.pen.globalAlpha = 0.18;
    this.pen.fill();
    this.pen.globalAlpha = 1;
  }
}
