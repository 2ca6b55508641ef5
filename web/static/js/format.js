// Numbers to words.
import { text } from "./text.js";

const MINUTE = 60;
const HOUR = 3600;
const SAME_SPEED = 0.01; // as a ratio; a few seconds of music do not tell smaller differences
const SAME_PITCH = 17; // cents: of the same ratio

const two = (n) => String(n).padStart(2, "0");

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const tail = two(whole % MINUTE);
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)}:${tail}`;
  return `${Math.floor(whole / HOUR)}:${two(Math.floor((whole % HOUR) / MINUTE))}:${tail}`;
}

// A rough time, in words: 40 s, 3 min
export const duration = (seconds) => (seconds < MINUTE ? text.seconds(Math.ceil(seconds)) : text.minutes(Math.round(seconds / MINUTE)));

// How much music: minutes, and from an hour on hours.
export function amount(seconds) {
  if (seconds <= 0) return "";
  const minutes = Math.ceil(seconds / MINUTE);
  return minutes < HOUR / MINUTE ? text.minutes(minutes) : text.hours((seconds / HOUR).toFixed(1));
}

const MEGABYTE = 1e6;
const GIGABYTE = 1e9;

export function megabytes(bytes) {
  return bytes < GIGABYTE ? text.megabytes((bytes / MEGABYTE).toFixed(1)) : text.gigabytes((bytes / GIGABYTE).toFixed(1));
}

// Never 100 %: nothing is certain.
export function percent(probability) {
  const value = Math.min(probability * 100, 99.9);
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

const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

export const dayOf = (moment) => day.format(new Date(moment));

// From one moment to another, as short as it can be said: 21:04–21:08
export function span(from, to) {
  const [first, last] = [time.format(new Date(from)), time.format(new Date(to))];
  return first === last ? first : `${first}\u2013${last}`;
}
