"""What was heard, with its times: worked out from messages, kept in the browser, searched, shared and saved."""

import json
import re

import pytest
from playwright.sync_api import expect

TRACK = {"id": 1, "title": "=1+1", "artist": 'The "Sums"', "album": "", "duration": 9}
OTHER = {"id": 2, "title": "Blue River", "artist": "Bänd", "album": "", "duration": 200}

PLAYS = """async (messages) => {
    const { Heard } = await import("/static/js/heard.js");
    const heard = new Heard();
    for (const [kind, elapsed, ...rest] of messages) {
        const guess = (id, offset, confidence = 0.999, speed = 1, duration = 200) =>
            ({ track: { id, duration }, offset, speed, confidence });
        if (kind === "resumed") heard.resumed(elapsed);
        else if (kind === "match") heard.apply({ type: kind, elapsed, guess: guess(...rest) }, false);
        else if (kind === "lost") heard.apply({ type: kind, elapsed, track: rest[0] }, false);
        else heard.apply({ type: "guesses", elapsed, absent: rest[1] ?? 0, guesses: rest[0].map((one) => guess(...one)) }, false);
    }
    return heard.plays.list.map(({ track, from, to }) => [track?.id ?? null, from, to]);
}"""


def plays(page, *messages):
    """[track, from, to] in seconds; a guess is track, offset, confidence, speed, duration."""
    return [(track, pytest.approx(begin), pytest.approx(end)) for track, begin, end in page.evaluate(PLAYS, list(messages))]


def test_a_song_begins_where_it_was_first_supported_and_not_where_the_last_one_ended(page):
    assert plays(
        page,
        ("match", 3, 1, 60),
        ("guesses", 50, [[1, 60]]),
        ("guesses", 51, [[1, 60, 0.2]]),  # the claim stands, and nothing supports it any more
        ("lost", 60, 1),
        ("guesses", 70, [[2, 20, 0.3]]),
        ("guesses", 71, [[2, 20, 0.9]]),
        ("match", 73, 2, 20),
        ("guesses", 80, [[2, 20]]),
    ) == [(1, 3, 50), (2, 70, 80)]


def test_a_quiet_beginning_belongs_to_the_song(page):
    assert plays(page, ("guesses", 28, [[1, -20, 0.5]]), ("match", 30, 1, -20), ("guesses", 40, [[1, -20]])) == [(1, 20, 40)]


def test_nothing_begins_before_listening_does(page):
    assert plays(page, ("match", 3, 1, 10), ("guesses", 40, [[1, 10]])) == [(1, 0, 40)]


def test_nothing_begins_before_the_end_of_what_came_before(page):
    assert plays(
        page, ("match", 3, 1, 100), ("guesses", 30, [[1, 100]]), ("lost", 31, 1), ("match", 40, 2, -20), ("guesses", 50, [[2, -20]])
    ) == [(1, 3, 30), (2, 30, 50)]


def test_a_song_that_is_entered_in_its_middle_begins_where_it_is_heard(page):
    assert plays(page, ("guesses", 58, [[1, 0, 0.5]]), ("match", 60, 1, 0), ("guesses", 70, [[1, 0]])) == [(1, 58, 70)]


def test_a_song_ends_no_later_than_it_is_long(page):
    assert plays(page, ("match", 3, 1, 0, 0.999, 1, 10), ("guesses", 14, [[1, 0, 0.999, 1, 10]])) == [(1, 0, 10)]


def test_speed_counts(page):
    assert plays(page, ("match", 24, 1, -20, 0.999, 2), ("guesses", 31, [[1, -20, 0.999, 2]])) == [(1, 10, 31)]


def test_what_was_unknown_ends_where_the_song_began(page):
    assert plays(
        page, ("guesses", 10, [], 1), ("guesses", 20, [[1, -15, 0.3]], 1), ("match", 24, 1, -15), ("guesses", 30, [[1, -15]])
    ) == [(None, 0, 15), (1, 15, 30)]
    assert plays(page, ("guesses", 10, [], 1), ("match", 12, 1, 2), ("guesses", 30, [[1, 2]])) == [(1, 0, 30)]


def test_a_restart_of_the_server_cuts_nothing_and_finds_nothing_missing(page):
    """Half a minute without a connection; then the new session claims the same track."""
    assert plays(
        page,
        ("match", 3, 1, 60),
        ("guesses", 50, [[1, 60]]),
        ("resumed", 80),
        ("guesses", 81, [], 1),
        ("guesses", 83, [], 1),
        ("match", 84, 1, 60),
        ("guesses", 90, [[1, 60]]),
    ) == [(1, 3, 90)]


LOG = """async (steps) => {
    localStorage.clear();
    const { History } = await import("/static/js/history.js");
    const history = new History({ onPlay: () => {} });
    for (const { plays, zero, file } of steps) {
        const [list, about] = [plays.map(([id, from, to, begun]) => ({
            track: id === null ? null : { id, title: `t${id}`, artist: "", album: "", duration: 200 }, from, to, zero: begun ?? from,
        })), { zero, file }];
        history.log(list, about);
    }
    const seconds = (moment) => Date.parse(moment) / 1000;
    return JSON.parse(localStorage.getItem("earprint.history")).map(
        ({ track, from, to, start, end }) => [track?.id ?? null, seconds(from), seconds(to), start ?? null, end ?? null]);
}"""


def logged(page, *steps):
    return [tuple(entry) for entry in page.evaluate(LOG, list(steps))]


def test_entries_have_the_times_of_their_plays(page):
    assert logged(page, {"plays": [[1, 3, 60], [None, 70, 80], [2, 90, 95]], "zero": 1_000_000}) == [
        (2, 1090, 1095, None, None),
        (None, 1070, 1080, None, None),
        (1, 1003, 1060, None, None),
    ]


def test_the_same_again_soon_goes_on_and_from_its_beginning_is_another(page):
    again = {"plays": [[1, 2, 40, -61]], "zero": 1_064_000}
    assert logged(page, {"plays": [[1, 3, 60, 3]], "zero": 1_000_000}, again) == [(1, 1003, 1104, None, None)]
    repeated = {"plays": [[1, 2, 40, 2]], "zero": 1_064_000}
    assert [entry[:3] for entry in logged(page, {"plays": [[1, 3, 60, 3]], "zero": 1_000_000}, repeated)] == [
        (1, 1066, 1104),
        (1, 1003, 1060),
    ]


def test_times_in_a_file_are_its_own(page):
    told = logged(page, {"plays": [[1, 3, 60], [2, 70, 200]], "zero": 1_000_000, "file": "a.wav"})
    assert [(track, start, end) for track, _, _, start, end in told] == [(2, 70, 200), (1, 3, 60)]


def put(page, entries):
    page.evaluate("entries => localStorage.setItem('earprint.history', JSON.stringify(entries))", entries)
    page.reload()


def entry(minute, track, day=1):
    at = f"2026-03-{day:02}T20:{minute:02}:00Z"
    return {"from": at, "to": at, "track": track}


def rows(page):
    return page.locator("#history-list li[data-id]")


def saved(page, name):
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    return download.value.path().read_text()


def test_keeps_what_was_heard_with_gaps_and_for_other_programs(page, address):
    entries = [
        {"from": "2026-03-01T20:10:00Z", "to": "2026-03-01T20:12:00Z", "track": None},
        {"from": "2026-03-01T20:00:00Z", "to": "2026-03-01T20:04:00Z", "track": TRACK},
    ]
    put(page, entries)
    lines = page.locator("#history-list li")
    expect(lines).to_have_text(
        [re.compile("2026"), re.compile("Not in this library"), "nothing heard for 6 min", re.compile(r"=1\+1")]
    )
    table = saved(page, "Save as CSV").splitlines()
    assert table[2] == """2026-03-01T20:00:00Z,2026-03-01T20:04:00Z,'=1+1,"The ""Sums\""",,1,,,"""
    assert [it["track"] for it in json.loads(saved(page, "Save as JSON"))] == [None, TRACK]
    assert saved(page, "Save as a playlist").splitlines() == ["#EXTM3U", '#EXTINF:9,The "Sums" - =1+1', f"{address}tracks/1/audio"]
    page.get_by_role("button", name="Clear").click()
    expect(rows(page)).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(rows(page)).to_have_count(2)


def test_days_are_headings(page):
    put(page, [entry(5, TRACK, 3), entry(4, OTHER, 3), entry(3, OTHER, 1)])
    expect(page.locator("#history-list .day")).to_have_count(2)
    expect(page.locator("#history-list .day").first).to_contain_text("2026")


def test_one_is_removed_and_brought_back(page):
    put(page, [entry(5, TRACK), entry(4, OTHER)])
    page.get_by_role("button", name="Remove =1+1 from the list").click()
    expect(rows(page)).to_have_count(1)
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Remove Blue River from the list"
    page.reload()
    expect(rows(page)).to_have_count(1)
    page.get_by_role("button", name="Remove Blue River from the list").click()
    page.get_by_role("button", name="Undo").click()
    expect(rows(page)).to_have_text([re.compile("Blue River")])


def test_one_is_copied(browser, address):
    from docs.stage import opened

    with opened(browser, address, permissions=["clipboard-read", "clipboard-write"]) as page:
        put(page, [entry(5, OTHER)])
        page.get_by_role("button", name="Share Blue River").click()
        expect(page.locator(".toast")).to_contain_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == "Blue River \u2013 Bänd"


def test_a_long_list_is_searched_and_shown_in_parts(page):
    put(page, [entry(n % 60, {**OTHER, "id": n + 1, "title": f"Song {n}"}) for n in range(150)] + [entry(1, TRACK)])
    expect(rows(page)).to_have_count(100)
    page.locator("#history-more").click()
    expect(rows(page)).to_have_count(151)
    expect(page.locator("#history-more")).to_be_hidden()
    page.locator("#history-search").fill("sums 1+1")
    expect(rows(page)).to_have_count(1)
    page.locator("#history-search").fill("nothing like this")
    expect(page.locator("#history-empty")).to_have_text("Nothing found.")


def test_it_says_when_it_is_full(page):
    put(page, [entry(n % 60, TRACK) for n in range(5000)])
    expect(page.locator("#history-full")).to_contain_text("5000 entries; older ones were removed")
