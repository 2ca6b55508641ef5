// Gathers the microphone's samples, mixed to one channel, into blocks of s16le, with each block's level.
import { Mixer } from "./mixer.js";

const FULL_SCALE = 32767;

class Pump extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.size = processorOptions.blockSamples;
    this.start();
  }

  start() {
    this.block = new Int16Array(this.size); // little-endian, as everything that runs browsers is
    this.filled = 0;
    this.peak = 0;
    this.energy = 0;
  }

  process([input]) {
    if (this.channels !== input.length) { // a source may change them on its way
      this.channels = input.length;
      this.mixer = new Mixer(input.length);
    }
    const samples = input.length ? this.mixer.mix(input) : []; // no channel: the source is gone or not there yet
    for (let from = 0; from < samples.length;) from += this.take(samples, from);
    return true;
  }

  // As many samples as the block has room for. Runs 44,100 times a second: plain variables are several times faster.
  take(samples, from) {
    const { block, filled } = this;
    const count = Math.min(samples.length - from, this.size - filled);
    let { peak, energy } = this;
    for (let i = 0; i < count; i += 1) {
      const sample = Math.max(-1, Math.min(1, samples[from + i]));
      block[filled + i] = Math.round(sample * FULL_SCALE);
      energy += sample * sample;
      peak = Math.max(peak, Math.abs(sample));
    }
    this.filled = filled + count;
    this.peak = peak;
    this.energy = energy;
    if (this.filled === this.size) this.send();
    return count;
  }

  send() {
    const pcm = this.block.buffer;
    this.port.postMessage({ pcm, peak: this.peak, rms: Math.sqrt(this.energy / this.size) }, [pcm]);
    this.start();
  }
}

registerProcessor("pump", Pump);
