"""The library and the help on the page, in a real Chromium against a real server: by mouse, keyboard and screen reader."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from core import Index
from core.constellation import PEAK
from core.demo import demo_names, demo_track, write_audio
from core.tracks import NewTrack
from docs.stage import RATE, opened, serving
from tests.axe import violations
from web.help import TASKS

KNOWN = 3  # tracks in the library: seeds 0, 1, 2 of `music`; the next seed is uploaded
MANY = 120  # tracks in the larger one, which have no sound
PAGE = 50  # tracks that are shown at a time
PATIENCE_MS = 30_000  # for a busy machine
SCHEMES = ["light", "dark"]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
STILL = 0.02  # of layout shift: a tenth of what web.dev calls good


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The address of a library of many tracks."""
    data = tmp_path_factory.mktemp("large")
    peaks = np.array([(0, 3, 9, 0), (5, 7, 9, 0)], PEAK)
    names = [(f"Song {i:03}", f"Band {i % 7}") for i in range(MANY)]
    with Index(data / "index") as index:
        index.add([(NewTrack(title, artist, "", 60.0 + i, f"{i}.flac", f"{i:064}", ""), peaks) for i, (title, artist) in enumerate(names)])
    with serving(data) as address:
        yield address


@pytest.fixture
def empty(tmp_path):
    with serving(tmp_path / "empty") as address:
        yield address


def row(page, seed):
    return page.locator("#tracks .track").filter(has_text=demo_names(seed)[0])


def job(page, name):
    return page.locator("#uploads-list .job").filter(has_text=name)


def broken(folder, name="broken.mp3"):
    path = folder / name
    path.write_bytes(b"this is no music" * 100)
    return path


def focused(page):
    return page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.id")


def summary(page):
    return page.locator("#uploads-summary")


# --- adding -----------------------------------------------------------------------------------------------------------


def test_uploads_what_is_new_known_and_broken(page, music, tmp_path):
    page.locator("#upload-files").set_input_files([music[KNOWN], music[0], broken(tmp_path)])
    status = lambda name: job(page, name).locator("[data-field=status]")  # noqa: E731
    expect(status(music[KNOWN].name)).to_have_text(re.compile(f"^Added: {demo_names(KNOWN)[0]}"), timeout=PATIENCE_MS)
    expect(status(music[0].name)).to_have_text("Already in the library")
    expect(status("broken.mp3")).to_contain_text("is not audio")
    expect(summary(page)).to_have_text("1 added, 1 already known, 1 failed")
    expect(page.locator("#uploads-list .job").first).to_contain_text("broken.mp3")
    expect(page.locator("#library-announcer")).to_have_text("1 added, 1 already known, 1 failed")
    expect(row(page, KNOWN)).to_be_visible()
    expect(page.locator("#count")).to_contain_text(f"{KNOWN + 1} tracks")
    expect(page.locator("#library-facts")).to_have_text(re.compile(r"^\d min of music, \d+\.\d MB of index$"))
    page.get_by_role("button", name="Clear", exact=True).last.click()
    expect(page.locator("#uploads")).to_be_hidden()


def test_takes_from_a_folder_what_looks_like_music(page, music, tmp_path):
    folder = tmp_path / "album" / "disc 1"
    folder.mkdir(parents=True)
    for name in ("one.flac", "._two.flac", "cover.jpg"):
        (folder / name).write_bytes(music[0].read_bytes())
    page.locator("#upload-folder").set_input_files(tmp_path / "album")
    expect(page.locator("#uploads-list .job")).to_have_count(1)
    expect(job(page, "one.flac")).to_contain_text("Already in the library", timeout=PATIENCE_MS)
    (folder / "one.flac").unlink()
    page.locator("#upload-folder").set_input_files(tmp_path / "album")
    expect(page.locator("#toasts")).to_contain_text("There is no audio in there.")


def test_takes_dropped_files_and_folders(page, music, tmp_path):
    folder = tmp_path / "dropped" / "deeper"
    folder.mkdir(parents=True)
    (folder / "in a folder.FLAC").write_bytes(music[0].read_bytes())
    (folder / "notes.txt").write_text("no music")
    drop(page, page.locator("#library .drop"), [broken(tmp_path, "named.txt"), tmp_path / "dropped"])
    expect(job(page, "in a folder.FLAC")).to_contain_text("Already in the library", timeout=PATIENCE_MS)
    expect(job(page, "named.txt")).to_contain_text("is not audio")
    expect(page.locator("#uploads-list .job")).to_have_count(2)


def drop(page, target, paths):
    """As a file manager does it."""
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    place = {"x": box["x"] + 5, "y": box["y"] + 5}
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})


def test_cancels_one_file_or_all(page, tmp_path):
    page.route("**/upload", lambda route: None)  # a server that takes its time
    page.locator("#upload-files").set_input_files([broken(tmp_path, f"{i}.mp3") for i in range(5)])
    expect(summary(page)).to_have_text("5 to do")
    page.get_by_role("button", name="Cancel 4.mp3").click()
    expect(job(page, "4.mp3")).to_contain_text("Cancelled")
    expect(summary(page)).to_have_text("4 to do, 1 cancelled")
    page.get_by_role("button", name="Cancel all").press("Enter")
    expect(summary(page)).to_have_text("5 cancelled")
    assert focused(page) == "Files"


def test_offers_demo_tracks_to_an_empty_library(browser, empty, monkeypatch):
    monkeypatch.setattr("web.files.DEMO_TRACKS", 2)
    monkeypatch.setattr("web.files.DEMO_SECONDS", 6.0)
    with opened(browser, empty) as page:
        expect(page.locator("#welcome")).to_contain_text("add some music")
        expect(page.locator("#library").get_by_text("Nothing here yet")).to_be_visible()
        expect(page.get_by_role("searchbox")).to_be_hidden()
        page.get_by_role("button", name="Add 2 demo tracks").press("Enter")
        expect(page.get_by_role("button", name=re.compile("^Composing"))).to_be_focused()
        expect(page.locator("#tracks .track")).to_have_count(2, timeout=PATIENCE_MS)
        expect(page.locator("#count")).to_have_text("2 tracks \u00b7 1 min")
        expect(page.locator("#library").get_by_text("Nothing here yet")).to_be_hidden()
        expect(page.get_by_role("searchbox")).to_be_focused()


# --- finding ----------------------------------------------------------------------------------------------------------


def test_finds_a_track_as_one_types(page):
    title, _ = demo_names(2)
    page.get_by_role("searchbox").press_sequentially(title.lower())
    expect(page.locator("#tracks .track")).to_have_count(1)
    expect(row(page, 2)).to_be_visible()
    expect(page.locator("#library-announcer")).to_have_text("1 found")
    page.reload()
    expect(row(page, 2)).to_be_visible()
    expect(page.get_by_role("searchbox")).to_have_value(title.lower())
    page.get_by_role("searchbox").fill("nothing is called this")
    expect(page.locator("#tracks-empty")).to_have_text("Nothing found for \u201cnothing is called this\u201d.")


def test_shows_a_long_list_in_pages(browser, large):
    with opened(browser, large) as page:
        rows = page.locator("#tracks .track")
        page.get_by_label("Order").select_option("title")
        expect(rows.first).to_contain_text("Song 000")
        for shown in (2 * PAGE, MANY):
            page.get_by_role("link", name="Show more").press("Enter")
            expect(rows).to_have_count(shown)
            first_new = f"Play Song {shown - (shown % PAGE or PAGE):03}"
            expect(page.get_by_role("link", name=first_new)).to_be_focused()
        expect(page.get_by_role("link", name="Show more")).to_be_hidden()
        titles = rows.locator("[data-field=title]").all_text_contents()
        assert titles == [f"Song {i:03}" for i in range(MANY)]
        page.get_by_role("searchbox").fill("band song 11")
        expect(page.locator("#tracks-found")).to_have_text(f"{sum('11' in str(i) for i in range(MANY))} found")


def test_makes_the_markup_that_the_server_makes(page):
    markup = """row => {
        row.dataset.duration = Number(row.dataset.duration);
        return row.outerHTML.replace(/\\s+/g, " ");
    }"""
    rows = page.locator("#tracks .track")
    count, first = rows.count(), rows.first
    served = first.evaluate(markup)
    first.evaluate("row => row.remove()")
    page.get_by_role("searchbox").press("Enter")
    expect(rows).to_have_count(count)
    assert first.evaluate(markup) == served


def test_shows_the_library_without_scripts(browser, address):
    with opened(browser, f"{address}?search={demo_names(1)[1].split()[0]}", java_script_enabled=False) as page:
        expect(row(page, 1)).to_be_visible()
        expect(row(page, 1).get_by_role("link", name="Play")).to_have_attribute("href", re.compile(r"tracks/\d+/audio"))
        expect(page.locator("#listen-button")).to_be_hidden()
        expect(page.get_by_text("Add a folder")).to_be_hidden()


# --- changing ---------------------------------------------------------------------------------------------------------


def test_deletes_and_undoes(page):
    row(page, 0).get_by_role("button", name="Delete").click()
    expect(row(page, 0)).to_have_count(0)
    gone = page.locator("#tracks .gone")
    expect(gone).to_contain_text(f"Deleted \u201c{demo_names(0)[0]}\u201d.")
    gone.get_by_role("button", name="Undo").click()
    expect(row(page, 0)).to_be_visible()
    page.reload()
    expect(row(page, 0)).to_be_visible()


def test_what_is_deleted_while_the_list_is_drawn_anew_comes_back_too(page):
    """The list as it was before arrives after the answer to the deletion."""
    title, _ = demo_names(0)
    held = []
    page.route(re.compile(r"/tracks\?"), lambda route: held.append((route, route.fetch())), times=1)
    page.get_by_role("searchbox").fill(title)
    page.wait_for_timeout(1_000)
    with page.expect_response(lambda response: response.request.method == "DELETE"):
        row(page, 0).get_by_role("button", name="Delete").click()
    route, response = held[0]
    route.fulfill(response=response)
    page.get_by_role("button", name=f"Undo deleting {title}").click()
    expect(row(page, 0)).to_be_visible()


def test_edits_a_track(page):
    title, artist = demo_names(2)
    row(page, 2).get_by_role("button", name="Edit").click()
    page.get_by_role("textbox", name="Artist").fill("Someone else")
    page.get_by_role("button", name="Save").click()
    expect(row(page, 2).locator("[data-field=artist]")).to_have_text("Someone else")
    row(page, 2).get_by_role("button", name="Edit").click()
    page.get_by_role("textbox", name="Artist").fill(artist)
    page.get_by_role("button", name="Save").click()
    expect(row(page, 2)).to_contain_text(title)
    row(page, 2).get_by_role("button", name="Edit").click()
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(row(page, 2)).to_contain_text(artist)


def test_plays_a_track(page):
    row(page, 1).get_by_role("link", name="Play").click()
    expect(page.locator("#player-title")).to_have_text(demo_names(1)[0])
    expect(page.locator("#audio")).to_have_js_property("paused", False)
    expect(page.locator("#audio")).to_have_js_property("error", None)
    page.get_by_role("button", name="Close the player").click()
    expect(page.locator("#player")).to_be_hidden()
    assert focused(page) == f"Play {demo_names(1)[0]}"


def test_everything_by_keyboard(page):
    """From the search on, with Tab, Enter and Escape alone; the focus is always somewhere sensible."""
    title = demo_names(0)[0]
    page.get_by_role("searchbox").press_sequentially(title)
    expect(page.locator("#tracks .track")).to_have_count(1)
    tab_to(page, f"Edit {title}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Title")).to_be_focused()
    page.keyboard.type(f"{title} again")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=f"Edit {title} again")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Title")).to_be_focused()
    page.keyboard.type("never kept")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name=f"Edit {title} again")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=f"Undo deleting {title} again")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=f"Delete {title} again")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Title")).to_be_focused()
    page.keyboard.type(title)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=f"Edit {title}", exact=True)).to_be_focused()
    tab_to(page, "", "summary")
    page.keyboard.press("Enter")
    expect(page.locator("#help details")).to_have_attribute("open", "")
    tab_to(page, "tab-Python")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="JavaScript")).to_be_focused()
    expect(page.locator("#examples-JavaScript")).to_be_visible()


def tab_to(page, name, tag="*"):
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("tag => document.activeElement.matches(tag)", tag) and focused(page) == name:
            return
    pytest.fail(f"Tab does not reach {name or tag}")


# --- for everyone -----------------------------------------------------------------------------------------------------


def states(page, music, tmp_path):
    """Brings the page into one state of the library after the other."""
    yield "as it opens"
    page.locator("#upload-files").set_input_files([music[0], broken(tmp_path)])
    expect(summary(page)).to_have_text("1 already known, 1 failed", timeout=PATIENCE_MS)
    yield "files were added"
    page.locator("#tracks [data-action=delete]").first.click()
    page.get_by_role("button", name=re.compile("^Undo")).wait_for()
    yield "a track was deleted"
    page.get_by_role("button", name=re.compile("^Undo")).click()
    page.get_by_role("link", name="Play").first.click()
    yield "a track plays"
    page.locator("#help summary").click()
    yield "the help is open"
    page.get_by_role("tab", name="curl").click()
    yield "other examples"
    page.locator("#tracks [data-action=edit]").first.click()
    expect(page.get_by_role("textbox", name="Title")).to_be_focused()
    yield "a track is edited"
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("searchbox").fill("nothing is called this")
    expect(page.locator("#tracks-empty")).to_be_visible()
    yield "nothing found"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing(browser, address, music, tmp_path, scheme):
    with opened(browser, address, color_scheme=scheme, reduced_motion="reduce") as page:
        for state in states(page, music, tmp_path):
            assert violations(page) == [], state


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_in_an_empty_library(browser, empty, scheme):
    with opened(browser, empty, color_scheme=scheme) as page:
        assert violations(page) == []


@pytest.mark.parametrize("width", [320, 390])
def test_fits_a_phone(browser, address, music, tmp_path, width):
    small = """[...document.querySelectorAll(':is(#library, #help, dialog[open]) :is(button, .btn, select, input, summary)')]
        .map((element) => element.getBoundingClientRect())
        .filter((box) => box.width > 1 && (box.width < 44 || box.height < 44)).length"""
    with opened(browser, address, **{**PHONE, "viewport": {"width": width, "height": 800}}) as page:
        for state in states(page, music, tmp_path):
            assert page.evaluate("document.documentElement.scrollWidth") <= width, state
            assert page.evaluate(small) == 0, state


@pytest.mark.parametrize("options", [{}, PHONE])
def test_nothing_moves_while_the_page_loads(browser, large, options):
    shift = """() => new Promise((resolve) => new PerformanceObserver((list) =>
        resolve(list.getEntries().reduce((sum, entry) => sum + entry.value, 0))).observe({ type: "layout-shift", buffered: true })
        || setTimeout(() => resolve(0), 500))"""
    with opened(browser, large, **options) as page:
        assert page.evaluate(shift) < STILL


# --- for programmers --------------------------------------------------------------------------------------------------


def test_examples_name_this_server(page, address):
    page.locator("#help summary").click()
    for language in ("Python", "JavaScript", "curl"):
        page.get_by_role("tab", name=language).click()
        shown = page.locator(f"#examples-{language}")
        expect(shown).to_contain_text(f"{address}predict")
        expect(shown).to_contain_text(f"{address.replace('http', 'ws')}listen")


def test_an_example_can_be_copied(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#help summary").click()
    page.get_by_role("button", name="Copy: Identify a recording, Python").click()
    expect(page.locator("#toasts")).to_contain_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#examples-Python pre").first.inner_text()


def test_the_examples_in_javascript_run(browser, empty, music, tmp_path):
    clip = write_audio(tmp_path / "recording.wav", demo_track(1, 20.0, RATE)[2 * RATE : 14 * RATE], RATE)
    says = {
        "identify": (clip, f"^{demo_names(1)[0]} from second "),
        "listen": (clip, f"^{demo_names(1)[0]} at second "),
        "add": (music[1], "^0 added, 1 known, 0 failed$"),
        "search": (clip, "^\\d+ .*River$"),
        "change": (clip, "A better title"),
    }
    with opened(browser, empty) as page:
        page.locator("#upload-files").set_input_files([music[1], write_audio(tmp_path / "River.flac", demo_track(9, 6.0, RATE), RATE)])
        expect(summary(page)).to_have_text("2 added", timeout=PATIENCE_MS)
        page.evaluate("document.body.prepend(Object.assign(document.createElement('input'), { type: 'file', multiple: true }))")
        for example, task in zip(page.locator("#examples-JavaScript pre").all(), TASKS, strict=True):
            file, said = says[task]
            page.locator("input[type=file]").first.set_input_files(file)
            with page.expect_console_message(lambda message, said=said: re.search(said, message.text), timeout=PATIENCE_MS):
                page.evaluate(f"async () => {{ {example.text_content()} }}")
