"""What can go wrong around the page: the server is away, the browser pauses the microphone, files take long, pages are left."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from core.demo import demo_track, write_audio
from docs.stage import RATE, opened, serving
from docs.stage import hearing as browser_hearing

AWAY = "The server cannot be reached"
HEARD = [{"from": "2026-03-01T20:00:00Z", "to": "2026-03-01T20:04:00Z", "track": {"id": 1, "title": "A", "artist": "", "duration": 9}}]


@pytest.fixture
def alone(browser, address):
    """A page whose server is gone; what it says to the console is the browser's own."""
    with browser.new_context() as context:
        page, errors = context.new_page(), []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.evaluate("entries => localStorage.setItem('earprint.history', JSON.stringify(entries))", HEARD)
        page.reload()
        expect(page.locator("#history-list li[data-id]")).to_have_count(1)
        context.set_offline(True)
        yield page
        assert errors == []


BUTTONS = {
    "edit": "#tracks [data-action=edit] >> nth=0",
    "delete": "#tracks [data-action=delete] >> nth=0",
    "play": "#tracks [data-action=play] >> nth=0",
    "play what was heard": "#history-list [data-action=play]",
    "save": "#history-csv",
    "copy": "#history-copy",
    "share": "#history-list [data-action=share]",
}


@pytest.mark.parametrize("button", BUTTONS)
def test_a_server_that_is_away_is_one_sentence(alone, button):
    alone.locator(BUTTONS[button]).click()
    expect(alone.locator(".toast")).to_have_count(1)
    expect(alone.locator(".toast")).to_contain_text(AWAY)


def test_what_is_chosen_while_the_server_is_away(alone, tmp_path):
    clip = write_audio(tmp_path / "clip.wav", demo_track(1, 3, RATE), RATE)
    alone.locator("#upload-files").set_input_files(clip)
    expect(alone.locator(".toast")).to_contain_text(AWAY)
    alone.locator("#file").set_input_files(clip)
    expect(alone.get_by_role("alert")).to_contain_text(AWAY)
    alone.locator("#search").fill("x")
    expect(alone.locator(".toast").filter(has_text=AWAY)).to_have_count(2)


def test_a_button_works_again_when_the_server_is_back(alone):
    edit = alone.locator("#tracks [data-action=edit]").first
    edit.click()
    expect(alone.locator(".toast")).to_contain_text(AWAY)
    alone.context.set_offline(False)
    edit.click()
    expect(alone.locator("#editor")).to_be_visible()


def test_a_microphone_that_the_browser_pauses_is_told_and_goes_on(playwright, address, tmp_path):
    keep = """() => {
        const Context = AudioContext;
        window.AudioContext = class extends Context { constructor(...more) { super(...more); window.context = this; } };
        Context.prototype.mayResume = Context.prototype.resume;
    }"""
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(5 * RATE) / RATE)
    sound = write_audio(tmp_path / "sound.wav", tone.astype(np.float32), RATE)
    with browser_hearing(playwright, sound) as browser, opened(browser, address) as page:
        page.evaluate(keep)
        page.locator("#listen-button").click()
        expect(page.locator("#status")).to_have_text("Listening\u2026")
        page.evaluate("context.resume = () => Promise.reject(new Error('a call')); context.suspend()")
        expect(page.locator("#status")).to_contain_text("Listening is paused")
        expect(page.locator("#announcer")).to_contain_text("Listening is paused")
        page.evaluate("delete context.resume")
        expect(page.locator("#status")).to_have_text("Listening\u2026")
        page.locator("#listen-button").click()


def test_says_where_in_a_file_it_is_and_how_long_it_will_take(page):
    words = """async (place) => {
        const { ListenView } = await import("/static/js/listen-view.js");
        const view = Object.assign(Object.create(ListenView.prototype), { now: { state: "listening" }, at: place });
        return view.statusWords();
    }"""
    place = {"name": "radio show.mp3", "at": 61.5, "of": 3725, "left": 12.2}
    assert page.evaluate(words, place) == "radio show.mp3: 1:01 of 1:02:05, 13 s left"
    assert page.evaluate(words, place | {"left": 200}).endswith("3 min left")


def test_shows_the_place_in_a_file(page, tmp_path):
    clip = write_audio(tmp_path / "long clip.wav", np.tile(demo_track(77, 60, RATE), 3), RATE)
    page.locator("#file").set_input_files(clip)
    expect(page.locator("#status")).to_have_text(re.compile(r"^long clip\.wav: \d:\d\d of 3:00, \d+ s left$"))
    page.locator("#listen-button").click()


LEAVE = """() => {
    const event = new Event("beforeunload", { cancelable: true });
    window.dispatchEvent(event);
    return event.defaultPrevented;
}"""


def test_leaving_during_an_upload_is_asked_about(page, tmp_path):
    """And only then."""
    assert not page.evaluate(LEAVE)
    waiting = []
    page.route("**/upload", lambda route: waiting.append(route))
    page.locator("#upload-files").set_input_files(write_audio(tmp_path / "clip.wav", demo_track(1, 3, RATE), RATE))
    expect(page.locator("#uploads-list .job")).to_have_count(1)
    assert page.evaluate(LEAVE)
    waiting[0].fulfill(json={"added": [], "known": [{"id": 1, "title": "x"}], "failed": []})
    expect(page.locator("#uploads-clear")).to_be_visible()
    assert not page.evaluate(LEAVE)


def test_leaving_while_the_server_is_sent_a_file_to_identify_is_asked_about(page, tmp_path):
    waiting = []
    page.route("**/predict", lambda route: waiting.append(route))
    path = tmp_path / "strange.xyz"
    path.write_bytes(b"not for browsers" * 100)
    page.locator("#file").set_input_files(path)
    expect(page.locator("#status")).to_contain_text("strange.xyz")
    assert page.evaluate(LEAVE)
    page.locator("#listen-button").press("Enter")  # cancels
    expect(page.locator("#listen")).to_have_attribute("data-state", "idle")
    assert not page.evaluate(LEAVE)
    assert waiting


def test_a_server_that_has_just_started_says_so(browser, music, tmp_path):
    with serving(tmp_path / "data") as address, browser.new_context() as context:
        page = context.new_page()
        ready = []
        page.route("**/health/ready", lambda route: route.fulfill(status=200 if ready else 503, json={}))
        page.route(re.compile(r"/$"), lambda route: unready(route))
        page.goto(address)
        expect(page.locator("#status")).to_have_text("The server has just started: one moment.")
        ready.append(True)
        expect(page.locator("#status")).to_have_text("Press to name the music around you.")


def unready(route):
    response = route.fetch()
    route.fulfill(response=response, body=response.text().replace('data-ready="true"', 'data-ready="false"'))


def test_the_page_knows_whether_the_server_is_ready(page):
    assert page.locator("body").get_attribute("data-ready") == "true"
