// The list of what was heard, or an entry of it, for other programs: copied, shared, or as a file.
import { nameOf, titleOf } from "./format.js";
import { text } from "./text.js";
import { toast } from "./toast.js";

const COLUMNS = ["from", "to", "title", "artist", "album", "track_id", "file", "file_start", "file_end"];
const FORMATS = {
  csv: { type: "text/csv", make: csv },
  json: { type: "application/json", make: (entries) => JSON.stringify(entries.map(({ id, begun, ...entry }) => entry), null, 2) },
  m3u: { type: "audio/x-mpegurl", make: m3u },
};

export function save(entries, format) {
  const { type, make } = FORMATS[format];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([make(entries)], { type }));
  link.download = `earprint-history.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
}

export function copy(entries, timeOf) {
  return toClipboard(entries.map((entry) => `${timeOf(entry)}\t${entry.track ? nameOf(entry.track) : text.verdict.absent}`).join("\n"));
}

// Phones have a way to hand things on; elsewhere it is the clipboard.
export async function share(track) {
  const data = { text: nameOf(track) };
  if (!navigator.canShare?.(data)) return toClipboard(data.text);
  return navigator.share(data).catch(() => {}); // who changes his mind is told nothing
}

async function toClipboard(words) {
  const copied = await navigator.clipboard?.writeText(words).then(() => true, () => false);
  toast(copied ? text.history.copied : text.history.notCopied);
}

// A table program must not take a title for a formula.
function cell(value) {
  const words = String(value ?? "");
  const safe = /^[=+\-@\t\r]/.test(words) ? `'${words}` : words;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function csv(entries) {
  const line = ({ from, to, track, file, start, end }) => [
    from, to, track ? titleOf(track) : text.verdict.absent, track?.artist, track?.album, track?.id, file, start, end,
  ];
  return [COLUMNS, ...entries.map(line)].map((cells) => `${cells.map(cell).join(",")}\r\n`).join("");
}

// A playlist of the tracks in the order in which they were heard, from this server.
function m3u(entries) {
  const oneLine = (words) => words.replace(/\s+/g, " ");
  const item = ({ track }) => [
    `#EXTINF:${Math.round(track.duration)},${oneLine([track.artist, titleOf(track)].filter(Boolean).join(" - "))}`,
    new URL(`tracks/${track.id}/audio`, document.baseURI).href,
  ];
  return `${["#EXTM3U", ...entries.filter(({ track }) => track).reverse().flatMap(item)].join("\n")}\n`;
}
