"""How many listen at once: python -m benchmarks.load MUSIC QUERIES

Conventions
    Listeners send real time, a message of 100 ms as soon as it would have been recorded, to a server on this machine; half of
    them hear music that is not in the library. All start within the first seconds, which do not count. This process, which
    plays all the listeners, runs on the same cores as the server.

Metrics, for each number of listeners
    lag       seconds from the moment the sound that an answer needed (`elapsed`) was sent until the answer came: `guesses`
    named     share of those who hear music of the library that had a `match`; median of seconds from the start of their sound until then
    false     of those who hear music that is not in it, how many had one
    errors    listeners that were refused, cut off, or told of an error
    CPU ms    of the server, a second of one listener's sound
    loop ms   how long the server takes to answer /health meanwhile: median, 95 % and the longest
    own MB    resident memory of the server that is its own (not the index, which the system can take back)
    played ms the CPU of this process for the same second: what is missing to the server on these cores

The knee is the largest number of listeners with no error and 95 % of the lags within --lag; it is found by doubling, then halving steps.
"""

import argparse
import asyncio
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from benchmarks import common, corpus, listening, sound
from benchmarks.common import number
from benchmarks.noises import SAMPLE_RATE
from web.client import s16le

MESSAGE_SECONDS = 0.1
START_SECONDS = 4.0  # over which the listeners arrive
CLIP_SECONDS = 30.0  # that a listener hears again and again
CLIPS = 8  # of each kind
PROBE_SECONDS = 0.1  # from a look at /health to the next
NARROW = 1.15  # between the largest number that went well and the smallest that did not
MB = 1e6
UNLIMITED = dict.fromkeys(
    ("EARPRINT_LISTENERS", "EARPRINT_ADDRESS_LISTENERS", "EARPRINT_REQUESTS_PER_MINUTE", "EARPRINT_WORK_PER_MINUTE"), "100000"
)
Message = bytes


@dataclass
class Record:
    """What some listeners met. lags, probes: seconds; named: seconds after which those who hear known music had a name for it; claims: how
    many of the others were told one."""

    lags: list[float] = field(default_factory=list)
    named: list[float] = field(default_factory=list)
    claims: int = 0
    probes: list[float] = field(default_factory=list)
    errors: int = 0


@dataclass(frozen=True)
class Load:
    """What a number of listeners cost. own: bytes."""

    listeners: int
    record: Record
    cpu_seconds: float
    wall_seconds: float
    own: int
    playing_seconds: float = 0.0  # of CPU, of the listeners themselves

    def lag(self, share: float) -> float:
        return float(np.quantile(self.record.lags, share)) if self.record.lags else math.inf


# The listeners


@dataclass
class Listener:
    """One of them. first: number of the clip's message it begins with; until: when it has enough, by the clock."""

    url: str
    clip: Sequence[Message]
    is_known: bool  # whether the library holds the clip
    first: int
    counts_from: float
    until: float
    record: Record
    sent: list[float] = field(default_factory=list)  # when each message was
    has_match: bool = False

    async def run(self, after: float) -> None:
        """Listens, beginning so many seconds from now."""
        await asyncio.sleep(after)
        try:
            async with connect(self.url, compression=None, ping_timeout=None) as server:
                start = {"type": "start", "sample_rate": SAMPLE_RATE, "format": "s16le", "channels": 1}
                await server.send(json.dumps(start))
                await asyncio.gather(self._send(server), self._hear(server))
        except (OSError, ConnectionClosed, InvalidHandshake):
            self.record.errors += 1

    async def _send(self, server: ClientConnection) -> None:
        begin, n = time.monotonic(), 0
        while time.monotonic() < self.until:
            await asyncio.sleep(begin + (n + 1) * MESSAGE_SECONDS - time.monotonic())
            self.sent.append(time.monotonic())
            await server.send(self.clip[(self.first + n) % len(self.clip)])
            n += 1
        await server.send('{"type": "stop"}')

    async def _hear(self, server: ClientConnection) -> None:
        async for text in server:
            event = json.loads(text)
            if event["type"] == "error":
                self.record.errors += 1
            elif event["type"] == "match" and not self.has_match:
                self._note_match()
            elif event["type"] == "guesses" and self.counts_from < time.monotonic() < self.until:
                self.record.lags.append(time.monotonic() - self.sent[self._needed(event["elapsed"])])

    def _note_match(self) -> None:
        self.has_match = True
        if self.is_known:
            self.record.named.append(time.monotonic() - self.sent[0] + MESSAGE_SECONDS)
        else:
            self.record.claims += 1

    def _needed(self, elapsed: float) -> int:
        """The message that ends with what an answer needed; `elapsed` is rounded to a millisecond."""
        return min(max(math.ceil((elapsed - 0.001) / MESSAGE_SECONDS) - 1, 0), len(self.sent) - 1)


async def probe(port: int, until: float, record: Record) -> None:
    """Looks at /health again and again."""
    while time.monotonic() < until:
        begin = time.monotonic()
        if await _status(port, "/health") != 200:
            record.errors += 1
        record.probes.append(time.monotonic() - begin)
        await asyncio.sleep(PROBE_SECONDS)


async def _status(port: int, path: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
    head = await reader.readline()
    writer.close()
    return int(head.split()[1])


# One number of listeners


def measure(server: listening.Server, clips: Sequence[Sequence[Message]], listeners: int, seconds: float) -> Load:
    """clips: of which every second one holds unknown music."""
    record = Record()
    counts_from = time.monotonic() + START_SECONDS
    crowd = [_listener(server, clips, i, counts_from, seconds, record) for i in range(listeners)]
    return asyncio.run(_listen(server, crowd, record, counts_from, seconds))


def _listener(
    server: listening.Server, clips: Sequence[Sequence[Message]], i: int, counts_from: float, seconds: float, record: Record
) -> Listener:
    clip = clips[i % len(clips)]
    return Listener(server.url, clip, i % 2 == 0, 37 * i % len(clip), counts_from, counts_from + seconds, record)


async def _listen(server: listening.Server, crowd: Sequence[Listener], record: Record, counts_from: float, seconds: float) -> Load:
    pauses = [START_SECONDS * i / len(crowd) for i in range(len(crowd))]
    tasks = [asyncio.create_task(listener.run(after)) for listener, after in zip(crowd, pauses, strict=True)]
    await asyncio.sleep(counts_from - time.monotonic())
    tasks.append(asyncio.create_task(probe(server.port, counts_from + seconds, record)))
    before, begin, playing = cpu_seconds(server.process.pid), time.monotonic(), time.process_time()
    await asyncio.sleep(counts_from + seconds - time.monotonic())
    cost, wall, played = cpu_seconds(server.process.pid) - before, time.monotonic() - begin, time.process_time() - playing
    own = own_bytes(server.process.pid)
    done, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:  # a server far behind
        task.cancel()
    for task in done:
        task.result()
    return Load(len(crowd), record, cost, wall, own, played)


def family(pid: int) -> Iterator[int]:
    """A process and those that it started."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from family(int(child))


def cpu_seconds(pid: int) -> float:
    """User and system time so far."""
    stats = (Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split() for process in family(pid))
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")


def own_bytes(pid: int) -> int:
    """Resident memory that is not mapped from files."""
    lines = [line for process in family(pid) for line in Path(f"/proc/{process}/status").read_text().splitlines()]
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


# The knee


def knee(load: Callable[[int], Load], fine: Callable[[Load], bool], start: int) -> Iterator[Load]:
    """Loads by doubling from `start` until one is not fine, then between the two."""
    good, bad, listeners = 0, 0, start
    while not bad or bad > NARROW * good:
        result = load(listeners)
        yield result
        good, bad = (listeners, bad) if fine(result) else (good, listeners)
        listeners = (good + bad) // 2 if bad else 2 * good
        if listeners in (0, good):
            return


# Main


def cpu_milliseconds(load: Load) -> float:
    """Of the server, for a second of one listener's sound."""
    return 1000 * load.cpu_seconds / load.wall_seconds / load.listeners


def row(load: Load, idle: int) -> list[str]:
    probes = [1000 * float(value) for value in np.quantile(load.record.probes or [math.nan], [0.5, 0.95, 1.0])]
    return [
        str(load.listeners),
        number(load.lag(0.5), 2),
        number(load.lag(0.95), 2),
        number(len(load.record.named) / -(-load.listeners // 2), 2),
        number(float(np.median(load.record.named or [math.nan])), 2),
        str(load.record.claims),
        str(load.record.errors),
        number(cpu_milliseconds(load), 1),
        *(number(value) for value in probes),
        number(load.own / MB),
        number((load.own - idle) / MB / load.listeners, 2),
        number(1000 * load.playing_seconds / load.wall_seconds / load.listeners, 1),
    ]


HEAD = ["listeners", "lag s", "95 %", "named", "after s", "false", "errors", "CPU ms", "loop ms", "95 %", "longest"]
HEAD += ["own MB", "a listener", "played ms"]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    corpus.add_arguments(parser)
    parser.add_argument("--listeners", type=int, nargs="*", help="numbers to measure; else the knee is looked for")
    parser.add_argument("--start", type=int, default=20, help="listeners to begin the search with")
    parser.add_argument("--seconds", type=float, default=20.0, help="to measure each number for")
    parser.add_argument("--lag", type=float, default=0.6, help="seconds within which 95 %% of the answers are to come")
    parser.add_argument("--workers", type=int, default=1, help="processes of the server")
    return parser.parse_args()


def clips(folder: Path, known: Sequence[str], unknown: Sequence[str]) -> list[list[Message]]:
    """Clips of these files, in turn known and unknown, each cut into messages."""
    rng = np.random.default_rng(1)
    return [clip for pair in zip(messages(folder, known, rng), messages(folder, unknown, rng), strict=True) for clip in pair]


def messages(folder: Path, files: Sequence[str], rng: np.random.Generator) -> Iterator[list[Message]]:
    step = round(MESSAGE_SECONDS * SAMPLE_RATE)
    for i in rng.choice(len(files), CLIPS, replace=len(files) < CLIPS):
        pcm = sound.audible_piece(folder / files[int(i)], CLIP_SECONDS, rng)[1]
        yield [s16le(pcm[start : start + step]) for start in range(0, len(pcm) - step + 1, step)]


def main() -> None:
    args = parse()
    files = corpus.read_list(args.queries / "refs.txt")
    heard = clips(args.music, files, corpus.read_list(args.queries / "unknown.txt"))
    common.print_run()
    with (
        corpus.library(args.music, files, data=args.data, jobs=args.jobs) as library,
        listening.running(library.folder, "--workers", str(args.workers), **UNLIMITED) as server,
    ):
        report(args, server, heard)


def report(args: argparse.Namespace, server: listening.Server, clips: Sequence[Sequence[Message]]) -> None:
    idle = own_bytes(server.process.pid)
    print(f"ready after {server.start_seconds:.1f} s; idle: {idle / MB:.0f} MB\n")

    def load(listeners: int) -> Load:
        return measure(server, clips, listeners, args.seconds)

    def fine(load: Load) -> bool:
        return load.record.errors == 0 and load.lag(0.95) <= args.lag

    loads = [load(n) for n in args.listeners] if args.listeners else list(knee(load, fine, args.start))
    print(common.table(HEAD, (row(it, idle) for it in sorted(loads, key=lambda it: it.listeners))))
    good = [it.listeners for it in loads if fine(it)]
    print(f"\nmost listeners with 95 % of the lags within {args.lag:g} s and no error: {max(good, default=0)}")


if __name__ == "__main__":
    main()
