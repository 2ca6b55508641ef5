// The list of what was heard as a file, for table programs and for others.
import { titleOf } from "./format.js";
import { text } from "./text.js";

const COLUMNS = ["from", "to", "title", "artist", "album", "track_id", "file", "file_start", "file_end"];

export function save(entries, format) {
  const content = format === "csv" ? csv(entries) : JSON.stringify(entries, null, 2);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: format === "csv" ? "text/csv" : "application/json" }));
  link.download = `earprint-history.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
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
