// The level as a bar. On a canvas: a change of style would have the browser lay out all its layers anew, several times a second.
export class Meter {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.filled = 0;
    new ResizeObserver(() => this.fit()).observe(canvas);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.colour());
  }

  fit() {
    this.canvas.width = Math.round(this.canvas.clientWidth * window.devicePixelRatio);
    this.canvas.height = Math.round(this.canvas.clientHeight * window.devicePixelRatio);
    this.colour();
  }

  // As the style sheet says for the state.
  colour() {
    this.pen.fillStyle = getComputedStyle(this.canvas).color;
    this.show(this.filled);
  }

  // filled: 0..1
  show(filled) {
    const { width, height } = this.canvas;
    this.filled = filled;
    this.pen.clearRect(0, 0, width, height);
    this.pen.fillRect(0, 0, width * filled, height);
  }
}
