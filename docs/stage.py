"""A real server and a real Chromium whose microphone plays what it is given: for the browser's tests and the screenshots."""

import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from numpy.typing import NDArray

from core.demo import add_noise, demo_track, room, write_audio
from web.app import create_app
from web.settings import Settings

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync", "--disable-quic"]
FAKE_DEVICE = "--use-fake-device-for-media-stream"
ALLOWED, DENIED = "--use-fake-ui-for-media-stream", "--use-fake-ui-for-media-stream=deny"

RATE = 44_100  # Hz, of Chromium's fake microphone too
SNR_DB = 10.0
LOUDNESS = np.float32(0.5)  # of full scale: as through a microphone that does not clip
PAUSE_SECONDS = 2  # of silence before the fake microphone begins again
START_SECONDS = 0.05  # between two looks at whether the server has started
READY_SECONDS = 300.0  # that it may take, on a busy machine


@contextmanager
def serving(data: Path, port: int = 0, **changes: Any) -> Iterator[str]:
    """The address of a server of the library in `data`, on any port that is free or on this one, with other settings than usual."""
    app = create_app(Settings(data=data, **changes))
    options: dict[str, Any] = {"log_level": "error", "ws": "websockets-sansio", "root_path": changes.get("root_path", "")}
    config = uvicorn.Config(app, host="127.0.0.1", port=port, **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(START_SECONDS)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    wait_until_ready(address)
    yield address
    server.should_exit = True
    thread.join(timeout=10)


def wait_until_ready(address: str) -> None:
    """The engine warms up, which takes a while where it has to be compiled first."""
    deadline = time.monotonic() + READY_SECONDS
    while not is_ready(address):
        assert time.monotonic() < deadline, "the engine does not warm up"
        time.sleep(START_SECONDS)


def is_ready(address: str) -> bool:
    try:
        urllib.request.urlopen(f"{address}health/ready").close()
    except urllib.error.HTTPError as not_yet:
        not_yet.close()
        return False
    return True


@contextmanager
def chromium(playwright: Any, *arguments: str) -> Iterator[Any]:
    """A browser without a microphone, or as the arguments say."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=[*QUIET, *arguments])
    try:
        yield browser
    finally:
        browser.close()


def hearing(playwright: Any, sound: Path) -> Any:
    """A browser whose microphone plays the wave file again and again, and which is allowed to listen."""
    return chromium(playwright, FAKE_DEVICE, ALLOWED, f"--use-file-for-fake-audio-capture={sound}")


@contextmanager
def opened(browser: Any, address: str, **options: Any) -> Iterator[Any]:
    """A page of its own; anything it says to the console as an error is raised in the end."""
    with browser.new_context(**options) as context:
        page, errors = context.new_page(), []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        yield page
        assert errors == [], errors


def through_the_air(path: Path, seed: int, start: float, seconds: float) -> Path:
    """Writes the demo music of a seed, from `start` to `seconds`, as a microphone across the room gets it; then a silence."""
    pcm = demo_track(seed, seconds, RATE)[int(start * RATE) :]
    return recorded(path, add_noise(room(pcm, RATE), SNR_DB))


def recorded(path: Path, heard: NDArray[np.float32]) -> Path:
    return write_audio(path, np.append(heard * LOUDNESS, np.zeros(PAUSE_SECONDS * RATE, np.float32)), RATE)
