// Blocks of s16le -> columns of levels, a byte a band: what is behind the constellation. As cheap as a picture allows.
const WINDOW_SECONDS = 0.09;
const RANGE_DB = 45; // from the darkest to the brightest
const FALL_DB = 4; // a second, by which the brightest level goes down after a loud moment
const TILT_DB = 3; // an octave: music is weaker the higher it is, and no less worth seeing
const FULL_SCALE = 32768;
const NOTHING = 1e-9; // of power, instead of none
const RATE_HZ = 22_050; // what is faster is thinned out: no band is above half of half of it
const QUIETEST_DB = -20; // of a brightest level, so that silence stays dark

export class Spectrum {
  // hertz: the middle of each band
  constructor(sampleRate, hertz) {
    this.thin = Math.max(1, 2 ** Math.floor(Math.log2(sampleRate / RATE_HZ))); // samples that become one
    this.rate = sampleRate / this.thin;
    this.size = 2 ** Math.round(Math.log2(WINDOW_SECONDS * this.rate));
    this.hop = this.size / 2;
    this.bands = edges(hertz).map((hz) => Math.round((hz / this.rate) * this.size));
    this.tilt = Float32Array.from(hertz, (hz) => TILT_DB * Math.log2(hz / hertz[0]));
    this.decibels = new Float32Array(hertz.length);
    this.window = Float32Array.from({ length: this.size }, (_, i) => (1 - Math.cos((2 * Math.PI * i) / this.size)) / (2 * FULL_SCALE));
    this.recent = new Float32Array(this.size + this.hop); // two windows
    this.filled = 0;
    this.heard = 0; // thinned samples
    this.top = QUIETEST_DB;
    this.fft = new Fft(this.size);
  }

  // samples: Int16Array, from the sample `from` on; onColumn(levels: a byte a band, from, until: seconds since the start)
  feed(samples, from, onColumn) {
    const thinned = this.thinned(samples);
    const begin = Math.round(from / this.thin);
    if (begin !== this.heard) this.filled = 0; // there was sound that was not looked at
    this.heard = begin;
    for (let used = 0; used < thinned.length;) {
      const part = thinned.subarray(used, used + this.recent.length - this.filled);
      this.recent.set(part, this.filled);
      this.filled += part.length;
      this.heard += part.length;
      used += part.length;
      if (this.filled === this.recent.length) this.complete(onColumn);
    }
  }

  // Each the mean of some: good enough for a picture, and half the work.
  thinned(samples) {
    const { thin } = this;
    const out = new Float32Array(Math.floor(samples.length / thin));
    for (let i = 0; i < out.length * thin; i += 1) out[(i / thin) | 0] += samples[i] / thin;
    return out;
  }

  // A column stands for the middle half of its window.
  complete(onColumn) {
    let from = this.heard - this.recent.length + this.hop / 2;
    for (const power of this.fft.powers(this.recent, this.hop, this.window)) {
      onColumn(this.column(power), from / this.rate, (from + this.hop) / this.rate);
      from += this.hop;
    }
    this.recent.copyWithin(0, this.size);
    this.filled = this.hop;
  }

  column(power) {
    const { tilt, decibels } = this;
    let top = Math.max(this.top - (FALL_DB * this.hop) / this.rate, QUIETEST_DB);
    for (let band = 0; band < tilt.length; band += 1) {
      decibels[band] = tilt[band] + 10 * Math.log10(this.loudest(power, band) + NOTHING);
      top = Math.max(top, decibels[band]);
    }
    this.top = top;
    const levels = new Uint8ClampedArray(tilt.length);
    for (let band = 0; band < tilt.length; band += 1) levels[band] = 255 * (1 + (decibels[band] - top) / RANGE_DB);
    return levels;
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
      const mirror = (size - k) & (size - 1);
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
