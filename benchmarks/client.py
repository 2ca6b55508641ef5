"""Measure what the page costs who listens: `python -m benchmarks.client [--seconds N]`. It needs what the tests of the page need.

Definitions
    CPU %      seconds of CPU time per 100 seconds of listening, as Chromium's SystemInfo.getProcessInfo tells it
    page       the page's own process: its scripts and pictures, also those of its worker, and the threads that its sound goes through
    drawing    the process that puts the picture on the screen; without a GPU, as here, it copies each pixel
    sound      the process of the sound devices
    others     the network's process and the browser's own
    all        their sum; what it is over that of `microphone` is ours

The browser is Chromium without a GPU, its microphone a file, and the server, which is not counted, knows what it plays. `microphone` is
a page that does nothing but take the same blocks from the same microphone: what the browser itself needs. `no picture` is ours without
the spectrogram, the evidence and the dial, `still` for who wishes less motion, and `hidden` behind another tab. What a second process
does on the same core makes each figure up to twice as large, also that of `microphone`: compare with it, on a quiet machine.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import expect, sync_playwright

from benchmarks import common
from core import Library
from core.demo import write_demo
from docs.stage import hearing, serving, through_the_air

SECONDS = 20.0  # of listening that are measured
TRACKS, TRACK_SECONDS = 4, 60.0  # in the library
PLAYED = 1  # the track that the microphone hears
SETTLE_MS = 3_000  # after the match
PATIENCE_MS = 120_000
PARTS = {"renderer": "page", "GPU": "drawing", "audio.mojom.AudioService": "sound"}  # Chromium's names; the rest are `others`
COLUMNS = ("page", "drawing", "sound", "others")
DESKTOP, PHONE = {"width": 1280, "height": 840}, {"width": 390, "height": 844}  # CSS pixels

TAKE_BLOCKS = """async () => {
    const { Microphone } = await import("/static/js/microphone.js");
    await Microphone.open({ kind: "microphone", device: "" }, { onBlock: () => {}, onEnded: () => {}, onMuted: () => {} });
}"""
NO_PICTURE = "export class Sight { clear() {} begin() {} colour() {} wake() {} sleep() {} sound() {} see() {} weigh() {} words() {} }"
HIDE = "Object.defineProperty(document, 'hidden', { get: () => true }); document.dispatchEvent(new Event('visibilitychange'))"


def take_blocks(page: Any) -> None:
    page.goto(f"{page.url}static/favicon.svg")  # of the same origin, and nothing else on it
    page.evaluate(TAKE_BLOCKS)


def listen(page: Any) -> None:
    page.locator("#listen-button").click()
    expect(page.locator("#listen")).to_have_attribute("data-state", "matched", timeout=PATIENCE_MS)


def listen_without_picture(page: Any) -> None:
    page.route("**/sight.js", lambda route: route.fulfill(body=NO_PICTURE, content_type="text/javascript"))
    page.reload()
    listen(page)


def listen_hidden(page: Any) -> None:
    listen(page)
    page.evaluate(HIDE)


class Scene(NamedTuple):
    name: str
    arrange: Callable[[Any], None]
    options: dict[str, Any]  # of the browser's context


SCENES = (
    Scene("microphone", take_blocks, {"viewport": DESKTOP}),
    Scene("listening", listen, {"viewport": DESKTOP}),
    Scene("listening, phone", listen, {"viewport": PHONE, "device_scale_factor": 2}),
    Scene("no picture", listen_without_picture, {"viewport": DESKTOP}),
    Scene("still", listen, {"viewport": DESKTOP, "reduced_motion": "reduce"}),
    Scene("hidden", listen_hidden, {"viewport": DESKTOP}),
)


def used(browser: Any) -> Counter[str]:
    """CPU seconds of each part of the browser so far."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    spent: Counter[str] = Counter()
    for process in processes:
        spent[PARTS.get(process["type"], "others")] += process["cpuTime"]
    return spent


def row(playwright: Any, address: str, sound: Path, scene: Scene, seconds: float) -> list[str]:
    with hearing(playwright, sound) as browser, browser.new_context(**scene.options) as context:
        page = context.new_page()
        page.goto(address)
        scene.arrange(page)
        page.wait_for_timeout(SETTLE_MS)
        before, begun = used(browser), page.evaluate("performance.now()")
        page.wait_for_timeout(1000 * seconds)
        spent, passed = used(browser) - before, (page.evaluate("performance.now()") - begun) / 1000
    cpu = [*(spent[part] for part in COLUMNS), spent.total()]
    return [scene.name, *(common.number(100 * taken / passed, 1) for taken in cpu)]


def rows(seconds: float, scenes: tuple[Scene, ...] = SCENES) -> Iterator[list[str]]:
    with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        folder = Path(made)
        with Library(folder / "data") as library:
            assert all(added.status == "added" for added in library.add(write_demo(folder / "music", TRACKS, TRACK_SECONDS)))
        sound = through_the_air(folder / "microphone.wav", PLAYED, 0.0, TRACK_SECONDS)
        address = stack.enter_context(serving(folder / "data"))
        playwright = stack.enter_context(sync_playwright())
        for scene in scenes:
            yield row(playwright, address, sound, scene, seconds)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of listening, for each row")
    parser.add_argument("--only", nargs="+", metavar="SCENE", help=", ".join(scene.name for scene in SCENES))
    return parser.parse_args()


def main(seconds: float, only: list[str] | None = None) -> None:
    common.print_run()
    scenes = tuple(scene for scene in SCENES if only is None or scene.name in only)
    print(common.table(["CPU %", *COLUMNS, "all"], rows(seconds, scenes)))


if __name__ == "__main__":
    args = parse()
    main(args.seconds, args.only)
