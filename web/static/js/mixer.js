// Many channels to one: their mean or, where the channels cancel each other, the strongest of them. As core/pcm.py does, which says why.
const STEP = 64; // samples for which the weights stay
const LEVEL_STEPS = 32; // time constant of the energies that the weights follow
const START_STEPS = 8; // time constant of the trust that the mean is intact
const CANCELLED = 0.02; // energy of the mean / mean energy of a channel, up to which only the strongest channel is taken
const INTACT = 0.05; // the same, from which only the mean is taken
const STRONGER = 2; // energy of a channel / that of the chosen one, from which it is chosen instead

export class Mixer {
  constructor(channels) {
    this.levels = new Float64Array(1 + channels); // energies of the mean and of each channel, smoothed
    this.sums = new Float64Array(1 + channels); // the same of this step
    this.samples = 0;
    this.chosen = 0;
  }

  // channels: Float32Array [n] each, as many as the mixer was made for. Returns Float32Array [n].
  mix(channels) {
    if (channels.length === 1) return channels[0];
    const out = new Float32Array(channels[0].length);
    for (let start = 0; start < out.length;) {
      const end = Math.min(out.length, start + STEP - (this.samples % STEP));
      this.step(channels, out, start, end);
      this.samples += end - start;
      if (this.samples % STEP === 0) this.follow();
      start = end;
    }
    return out;
  }

  step(channels, out, start, end) {
    const { sums, chosen, weight } = this;
    for (let i = start; i < end; i += 1) {
      let total = 0;
      for (let c = 0; c < channels.length; c += 1) {
        const sample = channels[c][i];
        total += sample;
        sums[1 + c] += sample * sample;
      }
      const mean = total / channels.length;
      sums[0] += mean * mean;
      out[i] = mean + weight * (channels[chosen][i] - mean);
    }
  }

  // Of the strongest channel, 0 to 1. In the beginning the mean counts as intact, until there is enough sound to tell.
  get weight() {
    const [mean, ...channels] = this.levels;
    const energy = channels.reduce((sum, level) => sum + level, 0) / channels.length;
    const share = (energy > 0 ? mean / energy : 1) + Math.exp(-Math.floor(this.samples / STEP) / START_STEPS);
    return Math.min(1, Math.max(0, (INTACT - share) / (INTACT - CANCELLED)));
  }

  follow() {
    const { levels, sums } = this;
    for (let k = 0; k < levels.length; k += 1) levels[k] += (sums[k] - levels[k]) / LEVEL_STEPS;
    sums.fill(0);
    const channels = levels.subarray(1);
    const strongest = channels.indexOf(Math.max(...channels));
    if (channels[strongest] > STRONGER * channels[this.chosen]) this.chosen = strongest;
  }
}
