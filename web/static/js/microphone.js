// A sound source as blocks of s16le: a microphone, or the sound of a tab. Knows nothing of the server.
import { Offline } from "./api.js";

const BLOCK_SECONDS = 0.1; // to send it more often would cost more, and tell nothing sooner: the server looks every 0.23 s at most
// The browser's treatment is made for speech: it removes what music is recognised by.
const AS_HEARD = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const NARROW_HZ = 22_050; // a device below it hears no more than a telephone
const RESUMING = ["visibilitychange", "pointerdown", "keydown"]; // after which a paused context may be let go on,
const RESUME_MS = 2000; // and else it is tried this often
export const SAMPLE_SCALE = 32767; // of s16le

class SourceError extends Error {
  constructor(name) { super(name); this.name = name; }
}

export class Microphone {
  // kind: "microphone" or "tab"; device: its id, or "" for the system's choice.
  // onBlock({pcm: ArrayBuffer, peak, rms, seconds}), onEnded(), onMuted(boolean), onPaused(boolean): by a call, or a phone that is locked
  static async open({ kind, device }, handlers) {
    checkSupport();
    // At the device's own rate: other rates fail in Firefox. "playback" takes sound in larger pieces, which costs less; with still larger
    // ones, and with no loudspeaker to keep the pace (sinkId none), Chromium 156 loses pieces of the microphone's sound.
    const context = new AudioContext({ latencyHint: "playback" });
    const resumed = context.resume(); // within the tap, as iOS demands
    try {
      const stream = await (kind === "tab" ? openTab() : openDevice(device));
      const microphone = new Microphone(context, stream, handlers);
      await Promise.all([resumed, microphone.pump(handlers)]);
      return microphone;
    } catch (error) {
      context.close();
      throw error;
    }
  }

  constructor(context, stream, { onEnded, onMuted, onPaused }) {
    this.context = context;
    this.stream = stream;
    this.track = stream.getAudioTracks()[0];
    this.track.onended = onEnded;
    this.track.onmute = () => onMuted(true);
    this.track.onunmute = () => onMuted(false);
    this.context.onstatechange = () => this.turned(onPaused);
    this.resume = () => this.paused && this.context.resume().catch(() => {}); // when it may: it is tried again
    for (const event of RESUMING) document.addEventListener(event, this.resume);
    this.hints = hintsOf(this.track.getSettings());
  }

  // A context that does not run gives no sound, and says nothing else of it.
  get paused() { return this.context.state !== "running" && this.context.state !== "closed"; }

  turned(onPaused) {
    onPaused(this.paused);
    clearInterval(this.trying);
    if (this.paused) this.trying = setInterval(this.resume, RESUME_MS);
    this.resume();
  }

  async pump({ onBlock }) {
    const blockSamples = Math.round(BLOCK_SECONDS * this.sampleRate);
    await this.context.audioWorklet.addModule(new URL("./pump-worklet.js", import.meta.url)).catch(() => { throw new Offline(); });
    const node = new AudioWorkletNode(this.context, "pump", {
      numberOfInputs: 1, numberOfOutputs: 0, channelCountMode: "max", // all channels: the browser's own mix may cancel them
      processorOptions: { blockSamples },
    });
    const seconds = blockSamples / this.sampleRate;
    node.port.onmessage = ({ data }) => onBlock({ ...data, seconds });
    this.context.createMediaStreamSource(this.stream).connect(node);
  }

  get sampleRate() { return this.context.sampleRate; }

  close() {
    this.track.onended = this.context.onstatechange = null;
    clearInterval(this.trying);
    for (const event of RESUMING) document.removeEventListener(event, this.resume);
    for (const track of this.stream.getTracks()) track.stop();
    this.context.close();
  }
}

// What is wrong with the device from the start: its browser ignored the wish for untreated sound, or it is made for speech.
export function hintsOf(settings) {
  const processed = Object.keys(AS_HEARD).some((name) => settings[name] === true);
  return [processed && "processed", settings.sampleRate < NARROW_HZ && "narrow"].filter(Boolean);
}

function checkSupport() {
  if (!window.isSecureContext) throw new SourceError("InsecureContext");
  if (!navigator.mediaDevices?.getUserMedia || !window.AudioWorkletNode) throw new SourceError("Unsupported");
}

function openDevice(deviceId) {
  const audio = { ...AS_HEARD, channelCount: 2 }; // one would be mixed by the browser, and of wrong polarity be silence
  if (deviceId) audio.deviceId = { exact: deviceId };
  return navigator.mediaDevices.getUserMedia({ audio });
}

async function openTab() {
  const stream = await navigator.mediaDevices.getDisplayMedia({ video: true, audio: AS_HEARD, systemAudio: "include" });
  for (const track of stream.getVideoTracks()) track.stop(); // asked for only because browsers demand it
  if (stream.getAudioTracks().length === 0) throw new SourceError("NoTabSound");
  return new MediaStream(stream.getAudioTracks());
}
