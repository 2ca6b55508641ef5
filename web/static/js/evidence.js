// The evidence for the leading guess as a line that rises, and the bits that a claim needs.
import { text } from "./text.js";

const MARGIN = 6;
const KEPT_SECONDS = 30;
const TIP = 4; // radius of the dot at its end
const SLACK = 1.15; // room over the highest point
const COLOURS = { below: "#a9a4ff", above: "#4dffa6", threshold: "#c9c5e8", behind: "#14122c", edge: "#3a3660" };

export class Evidence {
  constructor(pen, threshold) {
    this.pen = pen;
    this.threshold = threshold;
    this.points = [];
  }

  // In CSS pixels, except scale: device pixels a CSS pixel
  fit(place) { this.place = place; }

  add(elapsed, bits) {
    this.points = this.points.filter((point) => point.elapsed > elapsed - KEPT_SECONDS);
    this.points.push({ elapsed, bits: Math.max(0, bits) });
  }

  // now: seconds heard; the right edge, as of the picture
  show(now) {
    const { width, height, top, secondWidth, scale } = this.place;
    const most = SLACK * Math.max(2 * this.threshold, ...this.points.map((point) => point.bits));
    const y = (bits) => height - MARGIN - (bits / most) * (height - 2 * MARGIN);
    this.pen.setTransform(scale, 0, 0, scale, 0, top * scale);
    this.pen.fillStyle = COLOURS.behind;
    this.pen.fillRect(0, 0, width, height);
    this.pen.fillStyle = COLOURS.edge;
    this.pen.fillRect(0, 0, width, 1);
    if (this.points.length) this.line(this.points.map(({ elapsed, bits }) => [width - (now - elapsed) * secondWidth, y(bits)]), height);
    this.rule(width, y(this.threshold));
    this.pen.setTransform(1, 0, 0, 1, 0, 0);
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

  // It ends where the server's last answer does: what is heard since is not judged yet.
  line(places, height) {
    const claimed = this.points.at(-1).bits >= this.threshold;
    const [x, y] = places.at(-1);
    this.pen.strokeStyle = this.pen.fillStyle = claimed ? COLOURS.above : COLOURS.below;
    this.pen.lineWidth = 2.5;
    this.pen.lineJoin = "round";
    this.pen.beginPath();
    for (const place of places) this.pen.lineTo(...place);
    this.pen.stroke();
    this.pen.lineTo(x, height);
    this.pen.lineTo(places[0][0], height);
    this.pen.globalAlpha = 0.18;
    this.pen.fill();
    this.pen.globalAlpha = 1;
    this.pen.beginPath();
    this.pen.arc(x, y, TIP, 0, 2 * Math.PI);
    this.pen.fill();
  }
}
