// Numbers to words.
import { text } from "./text.js";

const MINUTE = 60;
const HOUR = 3600;
const SAME_SPEED = 0.004; // as a ratio; smaller differences are not worth saying
const SAME_PITCH = 8; // cents

const two = (n) => String(n).padStart(2, "0");

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const tail = two(whole % MINUTE);
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)}:${tail}`;
  return `${Math.floor(whole / HOUR)}:${two(Math.floor((whole % HOUR) / MINUTE))}:${tail}`;
}

// Never rounds up to 100 %: nothing is certain.
export function percent(probability) {
  const value = probability * 100;
  return value >= 99 ? `${(Math.floor(value * 10) / 10).toFixed(1)} %` : `${Math.round(value)} %`;
}

export function speedFact(speed) {
  const change = speed - 1;
  if (Math.abs(change) < SAME_SPEED) return null;
  return (change > 0 ? text.faster : text.slower)(Math.abs(change * 100).toFixed(1));
}

export function pitchFact(cents) {
  if (Math.abs(cents) < SAME_PITCH) return null;
  return (cents > 0 ? text.higher : text.lower)(Math.abs(Math.round(cents)));
}

export const titleOf = (track) => track.title || track.filename;
export const nameOf = (track) => text.by(titleOf(track), track.artist);

const moment = new Intl.DateTimeFormat(undefined, {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
});
export const when = (iso) => moment.format(new Date(iso));
