// The lines of a fingerprint around the button: each level heard travels outward through them.
const RINGS = 11;
const MOST_DENSITY = 2; // device pixels a CSS pixel: more cannot be told from it here
const INNER = 0.505; // radius of the first ring, as a part of half the canvas: outside the button
const TURN = Math.PI * 2;
const still = window.matchMedia("(prefers-reduced-motion: reduce)");

// Gaps as in a fingerprint, the same at each visit.
const LINES = Array.from({ length: RINGS }, (_, ring) => ({
  from: ((ring * 2.4) % TURN) + Math.sin(ring * 7) * 0.4,
  arcs: ring % 3 === 1 ? [0.44, 0.36] : [0.86 - 0.16 * Math.abs(Math.sin(ring * 3))],
  drift: (ring % 2 ? 1 : -1) * (0.00004 + 0.00001 * (ring % 4)), // radians a millisecond
}));

export class Rings {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.levels = new Array(RINGS).fill(0);
    new ResizeObserver(() => this.fit()).observe(canvas);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.colour());
  }

  fit() {
    const density = Math.min(window.devicePixelRatio, MOST_DENSITY);
    this.canvas.width = this.canvas.height = Math.round(this.canvas.clientWidth * density);
    this.pen.lineCap = "round";
    this.colour();
  }

  // As the style sheet says for the state.
  colour() {
    this.pen.strokeStyle = getComputedStyle(this.canvas).color;
    this.draw(performance.now());
  }

  start() { this.running = !still.matches; }

  stop() {
    this.running = false;
    this.levels.fill(0);
    this.draw(performance.now());
  }

  // level: 0..1
  frame(now, level) {
    if (!this.running) return;
    this.levels.pop();
    this.levels.unshift(level);
    this.draw(now);
  }

  draw(now) {
    const { width, height } = this.canvas;
    this.pen.clearRect(0, 0, width, height);
    LINES.forEach((line, ring) => this.ring(line, ring, now, width / 2));
  }

  ring({ from, arcs, drift }, ring, now, half) {
    const level = this.levels[ring];
    const outward = ring / RINGS;
    this.pen.lineWidth = half * (0.008 + 0.014 * level);
    this.pen.globalAlpha = (1 - outward) * 0.28 + level * (1 - outward * 0.7) * 0.72;
    const radius = half * (INNER + (0.97 - INNER) * (ring + 0.5) / RINGS);
    let angle = from + (this.running ? drift * now : 0);
    for (const arc of arcs) {
      this.pen.beginPath();
      this.pen.arc(half, half, radius, angle, angle + arc * TURN);
      this.pen.stroke();
      angle += (arc + 0.1) * TURN;
    }
  }
}
