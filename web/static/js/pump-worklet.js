// Gathers the microphone's samples into blocks of s16le, with each block's level.
const FULL_SCALE = 32767;

class Pump extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.size = processorOptions.blockSamples;
    this.start();
  }

  start() {
    this.block = new DataView(new ArrayBuffer(this.size * 2));
    this.filled = 0;
    this.peak = 0;
    this.energy = 0;
  }

  process([input]) {
    const samples = input[0] ?? []; // no channel: the source is gone or not there yet
    for (const sample of samples) this.take(sample);
    return true;
  }

  take(sample) {
    const clipped = Math.max(-1, Math.min(1, sample));
    this.block.setInt16(this.filled * 2, Math.round(clipped * FULL_SCALE), true);
    this.peak = Math.max(this.peak, Math.abs(clipped));
    this.energy += clipped * clipped;
    this.filled += 1;
    if (this.filled === this.size) this.send();
  }

  send() {
    const pcm = this.block.buffer;
    this.port.postMessage({ pcm, peak: this.peak, rms: Math.sqrt(this.energy / this.size) }, [pcm]);
    this.start();
  }
}

registerProcessor("pump", Pump);
