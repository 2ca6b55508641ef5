"""What the page looks like where it is easily forgotten: keyboard focus, forced colours, upright tablets, other scripts, long names."""

import pytest
from playwright.sync_api import expect

from docs.stage import opened

FOCUSED = """() => {
    const element = document.activeElement;
    const shown = element.matches(".visually-hidden") ? element.nextElementSibling : element;
    const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(shown);
    if (element === document.body) return ["BODY", "", 0, "rgb(0, 0, 0)"];
    return [element.id || element.getAttribute("aria-label") || element.textContent.trim() || element.tagName,
        outlineStyle, parseFloat(outlineWidth), outlineColor];
}"""
CONTRAST = """([colour, behind]) => {
    const luminance = (css) => {
        const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        const [r, g, b] = css.match(/[\\d.]+/g).map((part) => linear(part / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const [light, dark] = [colour, behind].map(luminance).sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
}"""
BOX = "(element) => { const { left, top, right, bottom } = element.getBoundingClientRect(); return [left, top, right, bottom]; }"
ARABIC = "\u0623\u063a\u0646\u064a\u0629 " * 20


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_whatever_has_the_focus_has_an_outline_that_is_seen(browser, address, scheme):
    with opened(browser, address, color_scheme=scheme) as page:
        page.evaluate("document.querySelector('#help details').open = true")
        panel = page.locator("#listen").evaluate("element => getComputedStyle(element).backgroundColor")
        seen = {}
        for _ in range(60):
            page.keyboard.press("Tab")
            name, style, width, colour = page.evaluate(FOCUSED)
            if name in seen or name == "BODY":
                break
            seen[name] = (style, width, page.evaluate(CONTRAST, [colour, panel]))
        assert len(seen) > 15
        assert {name: outline for name, outline in seen.items() if outline[0] != "solid" or outline[1] < 2 or outline[2] < 3} == {}


def test_a_toast_shows_the_focus(page):
    page.locator("#tracks [data-action=delete]").first.click()
    page.locator("#tracks .gone button").click()
    page.evaluate("import('/static/js/toast.js').then(({ toast }) => toast('words', { label: 'Do', run: () => {} }))")
    page.get_by_role("button", name="Do", exact=True).focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    name, style, width, colour = page.evaluate(FOCUSED)
    behind = page.locator(".toast").evaluate("element => getComputedStyle(element).backgroundColor")
    assert (name, style) == ("Do", "solid")
    assert width >= 2
    assert page.evaluate(CONTRAST, [colour, behind]) >= 3


@pytest.fixture
def forced(browser, address):
    with opened(browser, address, forced_colors="active") as page:
        yield page


def style(locator, *names):
    return locator.evaluate("(element, names) => names.map((name) => getComputedStyle(element)[name])", list(names))


def test_forced_colours_keep_the_edge_of_the_button_and_the_choice(forced):
    width, kind = style(forced.locator("#listen-button"), "borderTopWidth", "borderTopStyle")
    assert (float(width.removesuffix("px")) >= 2, kind) == (True, "solid")
    chosen, other = (style(forced.locator(f"label[for=source-{kind}]"), "backgroundColor") for kind in ("microphone", "file"))
    assert chosen != other


def test_forced_colours_keep_the_place_in_the_track(forced):
    forced.evaluate("document.getElementById('answer').hidden = false")
    line, cursor = forced.locator("#answer .track-line"), forced.locator("#answer .track-cursor")
    assert style(line, "borderTopStyle") == ["solid"]
    assert style(cursor, "backgroundColor") != style(line, "backgroundColor")


@pytest.mark.parametrize("width", range(768, 1281, 32))
def test_the_choice_of_sources_stays_in_its_column(browser, address, width):
    with opened(browser, address, viewport={"width": width, "height": 900}) as page:
        page.evaluate("document.getElementById('device').hidden = false")
        left, top, right, bottom = page.locator(".sources").evaluate(BOX)
        panel = page.locator("#listen").evaluate(BOX)
        stage = page.locator("#welcome").evaluate(BOX)
        assert panel[0] <= left
        assert right <= panel[2]
        assert right <= stage[0] or left >= stage[2] or bottom <= stage[1] or top >= stage[3]
        for label in page.locator(".sources label").all():
            x, y, end, low = label.evaluate(BOX)
            assert left <= x
            assert end <= right
            assert y >= top
            assert low <= bottom


ANSWER = """(track) => import("/static/js/answer-view.js").then(({ AnswerView }) => {
    const view = new AnswerView(document.getElementById("answer"), document.getElementById("others"), { onPlay: () => {} });
    document.getElementById("answer").firstElementChild.remove(); // the one that the page has made itself
    document.getElementById("welcome").hidden = true;
    const guess = { track, twins: [], confidence: 0.99, offset: 0, speed: 1, pitch_cents: 0 };
    view.show({ verdict: "match", best: guess, others: [{ ...guess, confidence: 0.2 }], absent: 0 });
})"""


def test_long_titles_keep_their_beginning_in_any_script(page):
    track = {"id": 1, "title": ARABIC, "artist": ARABIC, "album": ARABIC, "duration": 100}
    page.evaluate(ANSWER, track)
    page.evaluate("""async (track) => {
        const { rowOf } = await import("/static/js/track-row.js");
        document.getElementById("tracks").prepend(rowOf(track));
    }""", track)
    for place in ("#answer", "#others", "#tracks .track >> nth=0"):
        for name in ("title", "artist"):
            element = page.locator(place).locator(f"[data-field={name}]").nth(1 if place == "#others" and name == "title" else 0)
            assert style(element, "direction") == ["rtl"], (place, name)


@pytest.mark.parametrize("width", [390, 820, 1280])
def test_long_names_are_clamped(browser, address, width):
    with opened(browser, address, viewport={"width": width, "height": 900}) as page:
        long = "A name that goes on " * 60
        page.evaluate(ANSWER, {"id": 1, "title": long, "artist": long, "album": long, "duration": 100})
        for name, lines in (("title", 3), ("artist", 2), ("album", 2)):
            element = page.locator(f"#answer [data-field={name}]")
            height, line = element.evaluate("element => [element.clientHeight, parseFloat(getComputedStyle(element).lineHeight)]")
            assert height <= lines * line + 2


def test_the_button_says_what_it_does_and_not_both_ways(page):
    """A label that changes and a pressed state would say the opposite of each other."""
    button = page.locator("#listen-button")
    expect(button).to_have_text("Listen")
    assert button.get_attribute("aria-pressed") is None
