"""Takes the pictures of the page in each of its states: `python -m docs.screenshots [FOLDER]`, into this folder if none is named.

The library is the demo's, the server and the browser are real, and the microphone plays demo music from across a room.
"""

import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import expect, sync_playwright

from core import Library
from core.audio import Tags
from core.demo import demo_names, demo_track, write_audio, write_demo
from docs.stage import RATE, chromium, hearing, opened, serving, through_the_air

KNOWN, SECONDS = 8, 90.0  # tracks in the demo library, and their length
PLAYED, HEARD_FROM = 4, 31.0  # the track that the microphone hears, from this second on
UNKNOWN = 77  # the seed of music that is not in the library
LISTENED_MS = 1_500  # before the picture of listening
SETTLED_MS = 4_000  # after a match: the answer has arrived and the cursor moved
PATIENCE_MS = 30_000


class Screen(NamedTuple):
    name: str
    options: dict[str, Any]  # of the browser's context


DESKTOP, PHONE = {"width": 1280, "height": 840}, {"width": 390, "height": 844}  # CSS pixels
LOCALE = {"locale": "en-GB", "timezone_id": "UTC"}
SCREENS = (
    Screen("light", {"viewport": DESKTOP, "color_scheme": "light", **LOCALE}),
    Screen("phone", {"viewport": PHONE, "color_scheme": "dark", "has_touch": True, "is_mobile": True, **LOCALE}),
)


class Set(NamedTuple):
    """What the pictures are taken of."""

    folder: Path  # for what is made on the way
    known: list[Path]
    address: str  # of the demo library
    empty: str  # of a library without tracks


def listening(page: Any, stage: Set) -> None:
    page.locator("#listen-button").click()
    expect(page.locator("#listen")).to_have_attribute("data-state", "listening", timeout=PATIENCE_MS)
    page.wait_for_timeout(LISTENED_MS)


def match(page: Any, stage: Set) -> None:
    page.locator("#listen-button").click()
    expect(page.locator("#listen")).to_have_attribute("data-state", "matched", timeout=PATIENCE_MS)
    page.wait_for_timeout(SETTLED_MS)


def absent(page: Any, stage: Set) -> None:
    page.locator("#listen-button").click()
    expect(page.locator("#answer .best")).to_have_attribute("data-verdict", "absent", timeout=PATIENCE_MS)


def file(page: Any, stage: Set) -> None:
    clip = write_audio(stage.folder / "from my phone.wav", demo_track(PLAYED, SECONDS)[50 * RATE : 58 * RATE])
    page.locator("#file").set_input_files(clip)
    expect(page.locator("#answer .best")).to_have_attribute("data-verdict", "match", timeout=PATIENCE_MS)
    expect(page.locator("#listen")).to_have_attribute("data-state", "idle", timeout=PATIENCE_MS)


def uploaded(page: Any, stage: Set) -> None:
    seed = UNKNOWN + page.viewport_size["width"]  # each screen adds a track of its own
    new = write_audio(stage.folder / "a new one.flac", demo_track(seed, 20), tags=Tags(*demo_names(seed)))
    broken = stage.folder / "broken.mp3"
    broken.write_bytes(b"this is no music" * 100)
    page.locator("#upload-files").set_input_files([new, stage.known[0], broken])
    expect(page.locator("#uploads-clear")).to_be_visible(timeout=PATIENCE_MS)
    show(page, "library")


def deleted(page: Any, stage: Set) -> None:
    page.get_by_role("searchbox").fill("r")
    expect(page.locator("#tracks-found")).to_be_visible()
    page.locator("#tracks [data-action=delete]").nth(1).click()
    expect(page.locator("#tracks .gone")).to_be_visible()
    show(page, "library")


def programmers(page: Any, stage: Set) -> None:
    page.locator("#help summary").click()
    show(page, "help")


def empty(page: Any, stage: Set) -> None:
    page.goto(stage.empty)
    show(page, "library")


def idle(page: Any, stage: Set) -> None:
    """As the page opens."""


def show(page: Any, section: str) -> None:
    page.evaluate("id => document.getElementById(id).scrollIntoView({behavior: 'instant'})", section)


class Shot(NamedTuple):
    name: str
    arrange: Callable[[Any, Set], None]
    hears: int | None = None  # the seed of what the microphone plays


SHOTS = (
    Shot("idle", idle),
    Shot("listening", listening, hears=UNKNOWN),
    Shot("match", match, hears=PLAYED),
    Shot("absent", absent, hears=UNKNOWN),
    Shot("file", file),
    Shot("programmers", programmers),
    Shot("empty", empty),
    Shot("deleted", deleted),
    Shot("uploaded", uploaded),  # these last, for they change the library
)


def take(shot: Shot, screen: Screen, stage: Set, playwright: Any, out: Path) -> None:
    with ExitStack() as stack:
        if shot.hears is None:
            browser = stack.enter_context(chromium(playwright))
        else:
            start = HEARD_FROM if shot.hears == PLAYED else 0.0
            sound = through_the_air(stage.folder / "microphone.wav", shot.hears, start, SECONDS)
            browser = stack.enter_context(hearing(playwright, sound))
        page = stack.enter_context(opened(browser, stage.address, **screen.options))
        shot.arrange(page, stage)
        page.screenshot(path=out / f"{shot.name}-{screen.name}.png")


def main(out: Path, screens: tuple[Screen, ...] = SCREENS, shots: tuple[Shot, ...] = SHOTS) -> None:
    with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        folder = Path(made)
        known = write_demo(folder / "music", KNOWN, SECONDS)
        with Library(folder / "data") as library:
            assert all(added.status == "added" for added in library.add(known))
        addresses = [stack.enter_context(serving(folder / name)) for name in ("data", "empty")]
        playwright = stack.enter_context(sync_playwright())
        stage = Set(folder, known, *addresses)
        for shot in shots:
            for screen in screens:
                take(shot, screen, stage, playwright, out)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent))
