"""Measure the page with a large library: `python -m benchmarks.page [--tracks N] [--data DIR]`. It needs what the tests need.

Definitions
    ms         from a request on an open connection to the last byte of its answer, on this machine: median, and the 95th percentile
    CPU ms     of the server and of the client, who are one process, for a request: the mean
    after edits    the same where a track was edited before each request, so that nothing can be remembered
    own kB     of scripts and styles that are ours, also the worker's, as they are written
    HTML kB    with the first tracks in it
    sent kB    of all that a first visit fetches, Bootstrap too: as it is sent, which is compressed
    shift      cumulative layout shift while the page loads, as Chromium's PerformanceObserver tells it
    paint      first contentful paint in Chromium, ms

The library is made up: words for titles, and constellations of a few peaks. `--data DIR` keeps it for the next run.
"""

import argparse
import http.client
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks import common
from core.constellation import PEAK, Peaks
from core.demo import FIRST, SECOND
from core.index import Index
from core.tracks import SORTS, NewTrack
from docs.stage import chromium, serving

TRACKS = 100_000
BATCH = 2_000  # tracks a transaction
PEAKS = 8  # a track
TIMES = 40  # each request is made
WARM_TIMES = 3  # before it is measured
WORDS = [word.lower() for word in FIRST + SECOND]
SEARCHES = ("river", "crooked mir", "77123", "nothing like this")  # a common word, as one types, a rare one, none
SETTLE_MS = 500
SCREENS = {"desktop": {"viewport": {"width": 1280, "height": 800}}, "phone": {"viewport": {"width": 390, "height": 844}}}
FACTS = """() => {
    const shifts = new PerformanceObserver(() => {});
    shifts.observe({ type: "layout-shift", buffered: true });
    return {
        shift: shifts.takeRecords().reduce((total, { value }) => total + value, 0),
        paint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
    };
}"""


# The library


def fill(index: Index, n: int) -> None:
    rng = np.random.default_rng(0)
    missing = range(index.count(), n)
    for first in common.progress(missing[::BATCH], len(missing[::BATCH])):
        index.add([(new_track(i, rng), few_peaks(rng)) for i in range(first, min(first + BATCH, n))])


def new_track(number: int, rng: np.random.Generator) -> NewTrack:
    title, artist, album = (" ".join(rng.choice(WORDS, size)).title() for size in (3, 2, 2))
    return NewTrack(f"{title} {number}", artist, album, float(rng.uniform(120, 400)), f"{number:06}.flac", f"{number:064x}", "")


def few_peaks(rng: np.random.Generator) -> Peaks:
    peaks = np.zeros(PEAKS, PEAK)
    peaks["frame"], peaks["band"] = np.sort(rng.integers(0, 200, PEAKS)), np.sort(rng.integers(0, 250, PEAKS))
    return peaks


# The server


class Client:
    """One open connection."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc)

    def request(self, path: str, method: str = "GET", body: str | None = None) -> bytes:
        self._connection.request(method, path, body)
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == http.HTTPStatus.OK, content
        return content


def row(name: str, call: Callable[[], object], before: Callable[[], object] = lambda: None) -> list[str]:
    taken = []
    for _ in range(WARM_TIMES + TIMES):
        before()
        begin = time.perf_counter(), time.process_time()
        call()
        taken.append((1000 * (time.perf_counter() - begin[0]), 1000 * (time.process_time() - begin[1])))
    wall, cpu = np.array(taken[WARM_TIMES:]).T
    return [name, *(common.number(float(ms), 1) for ms in (np.median(wall), np.percentile(wall, 95), cpu.mean()))]


def requests(client: Client) -> Iterator[list[str]]:
    last = json.loads(client.request("/tracks?sort=title&limit=1"))["tracks"][0]["id"]
    edit = lambda: client.request(f"/tracks/{last}", "PATCH", json.dumps({"album": str(time.time())}))  # noqa: E731
    paths = ["/", *(f"/tracks?sort={sort}" for sort in SORTS), *(f"/tracks?search={s.replace(' ', '+')}" for s in SEARCHES)]
    for path in paths:
        yield row(f"GET {path}", partial(client.request, path))
    yield row("GET / after edits", partial(client.request, "/"), edit)


# The browser


def page_rows(address: str) -> Iterator[list[str]]:
    with sync_playwright() as playwright, chromium(playwright) as browser:
        for name, screen in SCREENS.items():
            page, answers = browser.new_page(**screen), list[Any]()
            page.on("response", lambda answer, answers=answers: answers.append(answer))
            page.goto(address)
            page.wait_for_timeout(SETTLE_MS)
            facts = page.evaluate(FACTS)
            own = [answer for answer in answers if re.search(r"/static/.*[.](js|css)$", answer.url)]
            bytes_of = [*(sum(len(answer.body()) for answer in some) for some in (own, answers[:1])), sum(map(sent, answers))]
            sizes = [common.number(size / 1000, 1) for size in bytes_of]
            yield [name, *sizes, common.number(facts["shift"], 4), common.number(facts["paint"])]


def sent(answer: Any) -> int:
    return int(answer.request.sizes()["responseBodySize"])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=TRACKS)
    parser.add_argument("--data", type=Path, help="a data folder for the made-up library")
    return parser.parse_args()


def main(tracks: int, data: Path) -> None:
    common.print_run()
    with Index(data / "index") as index:
        fill(index, tracks)
        print(f"{index.count():,} tracks\n")
    with serving(data) as address:
        head: Sequence[str] = ["request", "ms", "ms, 95 %", "CPU ms"]
        print(common.table(head, requests(Client(address))), end="\n\n")
        print(common.table(["screen", "own kB", "HTML kB", "sent kB", "shift", "paint ms"], page_rows(address)))


if __name__ == "__main__":
    args = parse()
    with tempfile.TemporaryDirectory() as temporary:
        main(args.tracks, args.data or Path(temporary))
