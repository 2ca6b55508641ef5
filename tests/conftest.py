"""What several test files use: a folder of music, a library that knows it, and a browser that looks at the page of one."""

import os

import hypothesis
import pytest

from core.demo import write_demo

hypothesis.settings.register_profile("steady", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("steady")

TRACKS = 4
SECONDS = 20
PATIENCE_MS = 30_000  # with the browser, for a busy machine


@pytest.fixture(scope="session", autouse=True)
def compiled():
    """The engine, so that no command that a test runs says that it has to be prepared first."""
    from stream.prepare import is_prepared, prepare

    if not is_prepared():
        prepare()


@pytest.fixture(scope="session")
def music(tmp_path_factory):
    """Paths of tagged audio files, in order."""
    return write_demo(tmp_path_factory.mktemp("music"), TRACKS, SECONDS)


@pytest.fixture(scope="session")
def data(music, tmp_path_factory):
    """The data folder of a library that holds `music`."""
    from core import Library

    folder = tmp_path_factory.mktemp("data")
    with Library(folder) as library:
        assert all(added.status == "added" for added in library.add(music))
    return folder


@pytest.fixture(scope="module")
def playwright():
    """Not for the whole session: while it runs, no other event loop can."""
    from playwright.sync_api import expect, sync_playwright

    from docs.stage import CHROMIUM

    if CHROMIUM is None and os.environ.get("CI") != "true":
        pytest.skip("no Chromium is installed: apt-get install chromium")
    assert CHROMIUM, "this needs Chromium: apt-get install chromium"
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright):
    """Without a microphone."""
    from docs.stage import chromium

    with chromium(playwright) as started:
        yield started


@pytest.fixture(scope="module")
def address(music, tmp_path_factory):
    """Of a server with a library of its own: all of `music` but the last, which can be added."""
    from core import Library
    from docs.stage import serving

    folder = tmp_path_factory.mktemp("listed")
    with Library(folder) as library:
        assert all(added.status == "added" for added in library.add(music[:-1]))
    with serving(folder, hosts=frozenset({"example.test"})) as address:
        yield address


@pytest.fixture
def page(browser, address):
    from docs.stage import opened

    with opened(browser, address) as page:
        yield page


@pytest.fixture
def read_everything(monkeypatch):
    """Look-ups read all that their budget pays for, and do not stop at most of what should be hit."""
    monkeypatch.setattr("core.lookup.ENOUGH", float("inf"))
