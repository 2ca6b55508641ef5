"""Damaged files, wrong conversations and wrong requests, and whether Earprint bears them.

    python -m benchmarks.fuzz                       # 2,000 files a format, 20,000 conversations, 20,000 requests
    python -m benchmarks.fuzz --long                # 20,000 files a format
    python -m benchmarks.fuzz files --n 200         # one of the three, fewer
    python -m benchmarks.fuzz files --format .mp3 --first 17 --n 1 --keep DIR      # the 18th mp3 again, and its file

    files           good files of each format (`mutants.py`), damaged, through POST /predict of a real server
    conversations   of a listener with `stream.protocol.Session` (`transcripts.py`), with a real library and recogniser
    requests        from the server's own description (`calls.py`), through HTTP

Findings, each printed with what repeats it; the script then ends with 1:

    an answer of 5xx (but 503 and 507: busy, and full), or none in three minutes; a server that has ended; a traceback in its log;
    an exception of a session, an answer that is no JSON, or that breaks the protocol; an HTTP answer that is not as described

Everything comes from --seed.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks import calls, transcripts
from benchmarks.common import print_run, progress, table
from benchmarks.listening import running
from benchmarks.load import UNLIMITED
from benchmarks.mutants import FORMATS, mutant, originals
from core.demo import write_demo
from core.library import Library

FILES, LONG_FILES, CONVERSATIONS, REQUESTS = 2_000, 20_000, 20_000, 20_000
CLIENTS = 2  # at a time
HANG_SECONDS = 180.0  # until an answer must be there, on a busy machine; a decoder that hangs does so for 600 s
BUSY, FULL = 503, 507
RETRY_SECONDS = 1.0
SHOWN_LINES = 8  # of a traceback
TRACKS, TRACK_SECONDS = 4, 8.0  # of the library


@dataclass
class Report:
    """What was found, and the lines of the table."""

    findings: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


def main() -> None:
    args = parse()
    print_run()
    print(f"seed: {args.seed}\n")
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        report = run(args, Path(folder))
    print(table(["", "n", "as it should be", "refused", "longest, s"], report.rows))
    print("\n".join(report.findings) or "nothing found")
    sys.exit(1 if report.findings else 0)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="of: " + ", ".join(PARTS))
    parser.add_argument("--n", type=int, help="files a format, conversations, requests")
    parser.add_argument("--long", action="store_true", help=f"{LONG_FILES} files a format")
    parser.add_argument("--format", action="append", choices=list(FORMATS), help="only these")
    parser.add_argument("--first", type=int, default=0, help="number of the first file of each format")
    parser.add_argument("--keep", type=Path, help="a folder to which the damaged files are written, too")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def run(args: argparse.Namespace, folder: Path) -> Report:
    """All that was asked for, with a library of its own in an empty folder."""
    report = Report()
    with Library(folder / "data") as library:
        list(library.add(write_demo(folder / "music", TRACKS, TRACK_SECONDS), copy=True))
    for part in args.parts or PARTS:
        PARTS[part](args, folder, report)
    return report


@contextmanager
def served(folder: Path, report: Report) -> Iterator[str]:
    """The address of a server that must still be well in the end, and have nothing to say."""
    log = folder / "log"
    with running(folder / "data", log=log, **UNLIMITED) as server:
        address = f"127.0.0.1:{server.port}"
        yield address
        if server.process.poll() is not None or asked(address, "GET", "/health") != 200:
            report.findings.append("the server has not survived")
    for bug, times in Counter(bugs(log)).items():
        report.findings.append(f"in the server's log, {times} times: {bug}")


def bugs(log: Path) -> Iterator[str]:
    """What a server logged of its own mistakes: the exception, and the last places of it. Decoders' own remarks are none."""
    for line in log.read_text(errors="replace").splitlines():
        with suppress(ValueError):
            entry = json.loads(line)
            if entry["level"] in ("error", "critical"):
                yield "\n".join([entry["message"].strip(), *entry.get("traceback", "").strip().splitlines()[-SHOWN_LINES:]])
        if "Traceback" in line and not line.startswith("{"):
            yield line


def files(args: argparse.Namespace, folder: Path, report: Report) -> None:
    """Damaged files through /predict."""
    good = originals(folder)
    with served(folder, report) as address, ThreadPoolExecutor(CLIENTS) as pool:
        for suffix in args.format or FORMATS:
            n = args.n or (LONG_FILES if args.long else FILES)
            statuses, longest = Counter[int](), 0.0
            numbers = range(args.first, args.first + n)
            make: Callable[[int], bytes] = partial(mutant, good, suffix, args.seed)
            answers = pool.map(lambda number, make=make: predict(address, make(number)), numbers)
            for number, (status, seconds) in zip(numbers, progress(answers, n), strict=True):
                statuses[status] += 1
                longest = max(longest, seconds)
                if status >= 500 and status != FULL:
                    report.findings.append(f"{suffix} {number}: {status} after {seconds:.1f} s (--format {suffix} --first {number} --n 1)")
                if args.keep:
                    keep(args.keep / f"{number}{suffix}", make(number))
            refused = sum(count for status, count in statuses.items() if status != 200)
            report.rows.append([f"files {suffix}", str(n), str(statuses[200]), str(refused), f"{longest:.1f}"])


def keep(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def predict(address: str, file: bytes) -> tuple[int, float]:
    """(status, seconds) of a file's answer; 599 for none. A server that is busy is asked again."""
    body = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="song"\r\n\r\n' + file + b"\r\n--xyz--\r\n"
    begin = time.monotonic()
    while (status := asked(address, "POST", "/predict", body)) == BUSY and time.monotonic() - begin < HANG_SECONDS:
        time.sleep(RETRY_SECONDS)
    return status, time.monotonic() - begin


def asked(address: str, method: str, path: str, body: bytes | None = None) -> int:
    """The status of the answer; 599 when there is none."""
    connection = http.client.HTTPConnection(address, timeout=HANG_SECONDS)
    try:
        connection.request(method, path, body, {"Content-Type": "multipart/form-data; boundary=xyz"} if body else {})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except (OSError, http.client.HTTPException):
        return 599
    finally:
        connection.close()


def conversations(args: argparse.Namespace, folder: Path, report: Report) -> None:
    """Wrong ones with a session."""
    n = args.n or CONVERSATIONS
    with Library(folder / "data", readonly=True) as library:
        try:
            tally = transcripts.fuzz(library.index, n, args.seed)
        except Exception as error:
            report.findings.append(explained("conversation", error))
            return
    good = tally.transcripts - tally.errors
    report.rows.append(["conversations", str(tally.transcripts), str(good), str(tally.errors), f"{tally.longest:.1f}"])


def requests(args: argparse.Namespace, folder: Path, report: Report) -> None:
    """Wrong ones through HTTP."""
    n = args.n or REQUESTS
    with served(folder, report) as address:
        try:
            figures = calls.fuzz(address, n, args.seed)
        except Exception as error:
            report.findings.append(explained("request", error))
            return
    good = figures["2xx"] + figures["3xx"]
    report.rows.append(["requests", str(figures.total()), str(good), str(figures.total() - good), ""])


def explained(what: str, error: Exception) -> str:
    """The error, and the simplest example of it, which hypothesis notes on it."""
    return "\n".join([f"{what}: {type(error).__name__}: {error}", *getattr(error, "__notes__", [])])


PARTS = {"files": files, "conversations": conversations, "requests": requests}


if __name__ == "__main__":
    main()
