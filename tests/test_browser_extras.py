"""Keys, covers, and what makes the page one that can be installed."""

import base64
import json

import pytest
from playwright.sync_api import expect

from tests.axe import violations

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
TRACK = {"id": 1, "title": "Blue", "artist": "Band", "album": "", "duration": 100, "cover": True}


def focused(page):
    return page.evaluate("document.activeElement.id")


class TestKeys:
    def test_search_and_help(self, page):
        page.keyboard.press("/")
        assert focused(page) == "search"
        page.keyboard.type("/?l")  # is typed
        expect(page.locator("#search")).to_have_value("/?l")
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("?")
        expect(page.locator("#keys")).to_be_visible()
        assert violations(page) == []
        page.keyboard.press("l")  # is not for what is behind a dialog
        page.keyboard.press("Escape")
        expect(page.locator("#keys")).to_be_hidden()
        expect(page.locator("#listen")).to_have_attribute("data-state", "idle")

    def test_listen_and_stop(self, page):
        page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => new Promise(() => {}); }")
        page.keyboard.press("l")
        expect(page.locator("#listen")).to_have_attribute("data-state", "asking")
        page.keyboard.press("Escape")
        expect(page.locator("#listen")).to_have_attribute("data-state", "idle")

    def test_they_can_be_switched_off(self, page):
        page.locator("#keys-show").click()
        page.locator("#keys input").uncheck()
        page.get_by_role("button", name="Close").click()
        page.reload()
        page.keyboard.press("/")
        page.keyboard.press("l")
        assert focused(page) != "search"
        expect(page.locator("#listen")).to_have_attribute("data-state", "idle")

    @pytest.mark.parametrize("modifier", ["Control", "Alt", "Meta"])
    def test_the_browsers_own_are_left_alone(self, page, modifier):
        page.evaluate("""modifier => document.body.dispatchEvent(new KeyboardEvent("keydown", {
            key: "/", bubbles: true, [{ Control: "ctrlKey", Alt: "altKey", Meta: "metaKey" }[modifier]]: true,
        }))""", modifier)
        assert focused(page) != "search"


class TestCovers:
    @pytest.fixture
    def asked(self, page):
        """The covers that the page asks for."""
        asked = []

        def answer(route):
            asked.append(route.request.url)
            route.fulfill(body=PIXEL, content_type="image/png")

        page.route("**/cover", answer)
        return asked

    def test_in_the_library_with_and_without(self, page, asked):
        page.evaluate("""async (tracks) => {
            const { rowOf, trackOf } = await import("/static/js/track-row.js");
            document.getElementById("tracks").replaceChildren(...tracks.map(rowOf));
            window.again = [...document.querySelectorAll("#tracks .track")].map((row) => trackOf(row).cover);
        }""", [TRACK, {**TRACK, "id": 2, "cover": False}])
        pictures = page.locator("#tracks .cover")
        expect(pictures.first).to_be_visible()
        expect(pictures.last).to_be_hidden()
        expect(pictures.first).to_have_js_property("naturalWidth", 1)
        assert [url.rsplit("/", 2)[-2:] for url in asked] == [["1", "cover"]]
        assert page.evaluate("window.again") == [True, False]

    def test_in_what_was_heard(self, page, asked):
        entry = {"from": "2026-03-01T20:00:00Z", "to": "2026-03-01T20:04:00Z", "track": TRACK}
        page.evaluate("entries => localStorage.setItem('earprint.history', JSON.stringify(entries))", [entry])
        page.reload()
        page.locator("#history-list .cover").scroll_into_view_if_needed()
        expect(page.locator("#history-list .cover")).to_have_js_property("naturalWidth", 1)
        assert len(asked) == 1

    def test_in_the_answer(self, page, asked):
        page.evaluate("""(track) => import("/static/js/answer-view.js").then(({ AnswerView }) => {
            document.getElementById("answer").replaceChildren();
            const view = new AnswerView(document.getElementById("answer"), document.getElementById("others"), { onPlay: () => {} });
            const guess = (more) => ({ track: { ...track, ...more }, twins: [], confidence: 0.99, offset: 0, speed: 1, pitch_cents: 0 });
            view.show({ verdict: "match", best: guess({}), others: [], absent: 0 });
            window.next = () => view.show({ verdict: "match", best: guess({ id: 2, cover: false }), others: [], absent: 0 });
        })""", TRACK)
        expect(page.locator("#answer .cover")).to_be_visible()
        page.evaluate("window.next()")
        expect(page.locator("#answer .cover")).to_be_hidden()
        assert len(asked) == 1


class TestSeveralTracks:
    def test_are_chosen_deleted_and_brought_back(self, page):
        rows = page.locator("#tracks .track")
        expect(rows).to_have_count(3)
        page.get_by_role("button", name="Select", exact=True).click()
        delete = page.locator("#select-delete")
        expect(delete).to_be_disabled()
        boxes = page.locator("#tracks .pick input")
        boxes.nth(0).check()
        boxes.nth(2).check()
        expect(delete).to_have_text("Delete 2")
        assert violations(page) == []
        page.locator("#search").fill("x")  # another list, with what was chosen
        page.locator("#search").fill("")
        expect(boxes).to_have_count(3)
        expect(boxes.nth(2)).to_be_checked()
        delete.click()
        expect(rows).to_have_count(1)
        page.get_by_role("button", name="Undo").click()
        expect(rows).to_have_count(3)
        page.get_by_role("button", name="Done").click()
        expect(boxes).to_have_count(0)

    def test_all_that_are_shown(self, page):
        page.get_by_role("button", name="Select", exact=True).click()
        page.get_by_role("button", name="All shown").click()
        expect(page.locator("#select-delete")).to_have_text("Delete 3")

    def test_that_were_removed_are_listed_and_restored(self, page):
        row = page.locator("#tracks .track").first
        title = row.locator("[data-field=title]").inner_text()
        row.locator("[data-action=delete]").click()
        expect(page.locator("#tracks .gone")).to_be_visible()
        page.get_by_role("button", name="Removed tracks").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(title)
        assert violations(page) == []
        dialog.get_by_role("button", name=f"Restore {title}").click()
        expect(dialog).to_contain_text("Nothing was removed")
        dialog.get_by_role("button", name="Close").click()
        expect(page.locator("#tracks .track")).to_have_count(3)


def test_it_can_be_installed(page, address):
    link = page.locator("link[rel=manifest]").evaluate("link => link.href")
    answer = page.request.get(link)
    assert answer.headers["content-type"] == "application/manifest+json"
    manifest = json.loads(answer.text())
    resolve = "([path, base]) => new URL(path, base).href"
    assert page.evaluate(resolve, [manifest["start_url"], link]) == address
    sizes = {}
    for icon in manifest["icons"]:
        picture = page.request.get(page.evaluate(resolve, [icon["src"], link]))
        assert picture.headers["content-type"] == icon["type"]
        sizes[icon["sizes"]] = picture.body()[16:24]  # of a PNG: width and height
    for size in (192, 512):
        assert sizes[f"{size}x{size}"] == size.to_bytes(4) * 2
