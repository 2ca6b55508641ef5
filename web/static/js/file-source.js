// A file as blocks of s16le: decoded by the browser, and sent as fast as the server takes it.
import { SAMPLE_SCALE } from "./microphone.js";
import { Mixer } from "./mixer.js";

const SAMPLE_RATE = 16_000; // Hz: music is recognised by what is below 5 kHz
const BLOCK_SAMPLES = 2048; // 128 ms
const MOST_WAITING_BYTES = 1 << 17; // four seconds
const LOOK_MS = 15; // between two looks at whether there is room
const BLOCKS_AT_ONCE = 16; // then the page gets its turn

export class FileSource {
  // Throws an EncodingError where the browser cannot decode the file. handlers: onBlock(block), onFinished(), waiting() in bytes
  static async open(file, handlers) {
    const context = new OfflineAudioContext(1, 1, SAMPLE_RATE);
    const sound = await context.decodeAudioData(await file.arrayBuffer());
    return new FileSource(sound, handlers);
  }

  constructor(sound, handlers) {
    this.sampleRate = SAMPLE_RATE;
    this.duration = sound.duration;
    this.channels = Array.from({ length: sound.numberOfChannels }, (_, channel) => sound.getChannelData(channel));
    this.mixer = new Mixer(sound.numberOfChannels);
    this.handlers = handlers;
    this.hints = [];
  }

  async run() {
    const { onBlock, onFinished, waiting } = this.handlers;
    for (let start = 0, n = 1; start < this.channels[0].length; start += BLOCK_SAMPLES, n += 1) {
      while (!this.closed && (n % BLOCKS_AT_ONCE === 0 || waiting() > MOST_WAITING_BYTES)) {
        await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
        if (waiting() <= MOST_WAITING_BYTES) break;
      }
      if (this.closed) return;
      onBlock(this.block(start));
    }
    onFinished();
  }

  block(start) {
    const mixed = this.mixer.mix(this.channels.map((channel) => channel.subarray(start, start + BLOCK_SAMPLES)));
    const { length } = mixed;
    const samples = new Int16Array(length);
    let peak = 0;
    let energy = 0;
    for (let i = 0; i < length; i += 1) {
      const sample = Math.max(-1, Math.min(1, mixed[i]));
      samples[i] = Math.round(sample * SAMPLE_SCALE);
      peak = Math.max(peak, Math.abs(sample));
      energy += sample * sample;
    }
    return { pcm: samples.buffer, peak, rms: Math.sqrt(energy / length), seconds: length / SAMPLE_RATE };
  }

  close() { this.closed = true; }
}
