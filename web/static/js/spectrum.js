// Blocks of s16le -> columns of levels, a byte a band: what is behind the constellation. As cheap as a picture allows.
const WINDOW_SECONDS = 0.09;
const RANGE_DB = 45; // from the darkest to the brightest
const CONTRAST = 1.8; // over 1 leaves the weak dark, so that peaks stand out
const FALL_DB = 4; // a second, by which the brightest level goes down after a loud moment
const TILT_DB = 3; // an octave: music is weaker the higher it is, and no less worth seeing
const FULL_SCALE = 32768;
const QUIETEST_DB = -20; // of a brightest level, so that silence stays dark

export class Spectrum {
  // hertz: the middle of each band
  constructor(sampleRate, hertz) {
    this.size = 2 ** Math.round(Math.log2(WINDOW_SECONDS * sampleRate));
    this.hop = this.size / 2;
    this.sampleRate = sampleRate;
    this.bands = edges(hertz).map((hz) => Math.round((hz / sampleRate) * this.size));
    this.tilt = hertz.map((hz) => TILT_DB * Math.log2(hz / hertz[0]));
    this.window = Float32Array.from({ length: this.size }, (_, i) => (1 - Math.cos((2 * Math.PI * i) / this.size)) / (2 * FULL_SCALE));
    this.recent = new Float32Array(this.size + this.hop); // two windows
    this.filled = 0;
    this.heard = 0; // samples
    this.top = QUIETEST_DB;
    this.fft = new Fft(this.size);
  }

  // samples: Int16Array; onColumn(levels: Uint8Array, from, until: seconds since the start)
  feed(samples, onColumn) {
    for (let used = 0; used < samples.length;) {
      const part = samples.subarray(used, used + this.recent.length - this.filled);
      this.recent.set(part, this.filled);
      this.filled += part.length;
      this.heard += part.length;
      used += part.length;
      if (this.filled === this.recent.length) this.complete(onColumn);
    }
  }

  // A column stands for the middle half of its window.
  complete(onColumn) {
    let from = this.heard - this.recent.length + this.hop / 2;
    for (const power of this.fft.powers(this.recent, this.hop, this.window)) {
      onColumn(this.column(power), from / this.sampleRate, (from + this.hop) / this.sampleRate);
      from += this.hop;
    }
    this.recent.copyWithin(0, this.size);
    this.filled = this.hop;
  }

  // Sound that is not looked at.
  skip(samples) {
    this.heard += samples.length;
    this.filled = 0;
  }

  column(power) {
    const decibels = this.tilt.map((tilt, band) => tilt + 10 * Math.log10(this.loudest(power, band) + 1e-9));
    this.top = Math.max(this.top - (FALL_DB * this.hop) / this.sampleRate, QUIETEST_DB, ...decibels);
    return Uint8ClampedArray.from(decibels, (level) => 255 * Math.max(0, 1 + (level - this.top) / RANGE_DB) ** CONTRAST);
  }

  loudest(power, band) {
    let most = 0;
    const last = Math.max(this.bands[band] + 1, this.bands[band + 1]);
    for (let bin = this.bands[band]; bin < last; bin += 1) most = Math.max(most, power[bin]);
    return most;
  }
}

// Where each band begins, and the last one ends.
function edges(middles) {
  const between = middles.slice(1).map((hz, i) => (hz + middles[i]) / 2);
  return [2 * middles[0] - between[0], ...between, 2 * middles.at(-1) - between.at(-1)];
}

// The plain radix-2 transform, its tables made once.
class Fft {
  constructor(size) {
    this.size = size;
    this.re = new Float32Array(size);
    this.im = new Float32Array(size);
    this.cos = Float32Array.from({ length: size / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / size));
    this.sin = Float32Array.from({ length: size / 2 }, (_, i) => -Math.sin((2 * Math.PI * i) / size));
    const bits = Math.log2(size);
    this.reversed = Uint16Array.from({ length: size }, (_, i) => {
      let out = 0;
      for (let bit = 0; bit < bits; bit += 1) out |= ((i >> bit) & 1) << (bits - 1 - bit);
      return out;
    });
    this.out = [new Float32Array(size / 2), new Float32Array(size / 2)];
  }

  // Of the windows at 0 and at `hop`, for the price of one: they are the real and the imaginary part of what is transformed.
  powers(samples, hop, window) {
    const { re, im, size, reversed, out: [first, second] } = this;
    for (let i = 0; i < size; i += 1) {
      re[reversed[i]] = samples[i] * window[i];
      im[reversed[i]] = samples[i + hop] * window[i];
    }
    for (let half = 1; half < size; half *= 2) this.butterflies(half);
    for (let k = 0; k < size / 2; k += 1) {
      const mirror = (size - k) % size;
      first[k] = ((re[k] + re[mirror]) ** 2 + (im[k] - im[mirror]) ** 2) / 4;
      second[k] = ((im[k] + im[mirror]) ** 2 + (re[k] - re[mirror]) ** 2) / 4;
    }
    return this.out;
  }

  butterflies(half) {
    const { re, im, cos, sin, size } = this;
    const step = size / (2 * half);
    for (let start = 0; start < size; start += 2 * half) {
      for (let k = 0, t = 0; k < half; k += 1, t += step) {
        const a = start + k;
        const b = a + half;
        const x = re[b] * cos[t] - im[b] * sin[t];
        const y = re[b] * sin[t] + im[b] * cos[t];
        re[b] = re[a] - x;
        im[b] = im[a] - y;
        re[a] += x;
        im[a] += y;
      }
    }
  }
}
