// What is around the button: the lines of a fingerprint, through which each level heard travels outward, and below them the level as a bar.
const RINGS = 11;
const MOST_DENSITY = 2; // device pixels a CSS pixel: more cannot be told from it here
const INNER = 0.505; // radius of the first ring, as a part of half the width: outside the button
const OUTER = 0.97;
const TURN = Math.PI * 2;
const BAR_WIDTH = 0.75; // of the whole
const BAR_HEIGHT = 6; // CSS pixels

// Gaps as in a fingerprint, the same at each visit.
const LINES = Array.from({ length: RINGS }, (_, ring) => ({
  from: ((ring * 2.4) % TURN) + Math.sin(ring * 7) * 0.4,
  arcs: ring % 3 === 1 ? [0.44, 0.36] : [0.86 - 0.16 * Math.abs(Math.sin(ring * 3))],
  drift: (ring % 2 ? 1 : -1) * (0.00004 + 0.00001 * (ring % 4)), // radians a millisecond
}));

export class Dial {
  constructor() {
    this.levels = new Array(RINGS).fill(0);
    this.level = 0; // 0..1, now
    this.awake = false;
  }

  begin(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
  }

  fit(width, height, density) {
    this.density = Math.min(density, MOST_DENSITY);
    this.canvas.width = Math.round(width * this.density);
    this.canvas.height = Math.round(height * this.density);
    this.draw();
  }

  colour(ink, back) {
    this.ink = ink;
    this.back = back;
    this.draw();
  }

  calm(calm) { this.still = calm; }

  wake() { this.awake = true; }

  sleep() {
    this.awake = false;
    this.level = 0;
    this.levels.fill(0);
    this.draw();
  }

  // level: 0..1
  hear(level) {
    this.level = level;
    if (this.awake && !this.still) this.levels = [level, ...this.levels.slice(0, -1)];
  }

  draw() {
    const { width, height } = this.canvas;
    const now = performance.now();
    this.pen.clearRect(0, 0, width, height);
    this.pen.strokeStyle = this.ink;
    this.pen.lineCap = "round";
    LINES.forEach((line, ring) => this.ring(line, ring, now, width / 2));
    this.pen.globalAlpha = 1;
    if (this.awake) this.bar(width, height);
  }

  ring({ from, arcs, drift }, ring, now, half) {
    const level = this.levels[ring];
    const outward = ring / RINGS;
    this.pen.lineWidth = half * (0.008 + 0.014 * level);
    this.pen.globalAlpha = (1 - outward) * 0.28 + level * (1 - outward * 0.7) * 0.72;
    const radius = half * (INNER + ((OUTER - INNER) * (ring + 0.5)) / RINGS);
    let angle = from + (this.awake && !this.still ? drift * now : 0);
    for (const arc of arcs) {
      this.pen.beginPath();
      this.pen.arc(half, half, radius, angle, angle + arc * TURN);
      this.pen.stroke();
      angle += (arc + 0.1) * TURN;
    }
  }

  bar(width, height) {
    const thick = BAR_HEIGHT * this.density;
    const [left, whole, y] = [(width * (1 - BAR_WIDTH)) / 2, width * BAR_WIDTH - thick, height - thick / 2];
    this.pen.lineWidth = thick;
    for (const [colour, part] of [[this.back, 1], [this.ink, this.level]]) {
      if (!part) continue;
      this.pen.strokeStyle = colour;
      this.pen.beginPath();
      this.pen.moveTo(left + thick / 2, y);
      this.pen.lineTo(left + thick / 2 + whole * part, y);
      this.pen.stroke();
    }
  }
}
