"""Tracks are searched, sorted and cut into pages."""

import json
import unicodedata

import pytest

from core.errors import EarprintError
from core.tracks import SORTS, Listing, Removed, Track

TITLES = ["Été", "zebra", "Apple", "apple", "Mango"]


def a_track(number, title, **others):
    fields = {"artist": f"Artist {number % 2}", "album": "", "duration": 10.0 - number, "filename": f"{number}.mp3"}
    return Track(title=title, sha256=str(number), path="", id=number, added="2024-01-01T00:00:00Z", **(fields | others))


def never(*_):
    pytest.fail("there is no need to ask")


@pytest.fixture
def listing():
    listing = Listing()
    listing.update(1, lambda: [a_track(i, title).dump() for i, title in enumerate(TITLES, 1)], never)
    return listing


def ids(page):
    return [track.id for track in page.tracks]


def test_a_track_is_stored_whole_and_told_in_part():
    track = a_track(1, "Été")
    assert Track.load(memoryview(track.dump())) == track
    assert Removed.load(Removed(track, "2024-02-01T00:00:00Z").dump()) == Removed(track, "2024-02-01T00:00:00Z")
    assert track.to_json().keys() == {"id", "title", "artist", "album", "duration", "filename", "added"}
    json.dumps(track.to_json())


MORE = {"album_artist": "Various", "track_number": 3, "disc_number": 1, "year": 1999, "label": "L", "isrc": "GBAYE9800001"}


def test_more_is_told_where_there_is_more():
    track = a_track(1, "Été", **MORE, cover="0" * 64)
    assert Track.load(track.dump()) == track
    assert track.to_json() == a_track(1, "Été").to_json() | MORE | {"cover": True}


def test_rows_of_earlier_versions():
    row = json.loads(a_track(1, "Été").dump())
    for name in ("edited", "cover", *MORE):
        del row[name]
    old = Track.load(json.dumps(row).encode())
    assert old == a_track(1, "Été")
    assert Removed.load(json.dumps({"track": row, "at": "2024-02-01T00:00:00Z"}).encode()).track == old


def listed(*tracks):
    listing = Listing()
    listing.update(1, lambda: [track.dump() for track in tracks], never)
    return listing


def test_lists_are_in_natural_order():
    listing = listed(*(a_track(i, title) for i, title in enumerate(["track10", "Äb", "track2", "A", "Z"], 1)))
    assert ids(listing.page("", "title", None, None)) == [4, 2, 3, 1, 5]
    first = listing.page("", "title", 3, None)
    assert ids(listing.page("", "title", 3, first.next)) == [1, 5]


def test_an_album_is_in_its_own_order():
    numbers = [(2, 1), (1, 10), (1, 9), (None, None)]
    listing = listed(*(a_track(i, "T", album="X", disc_number=disc, track_number=n) for i, (disc, n) in enumerate(numbers, 1)))
    assert ids(listing.page("", "album", None, None)) == [4, 3, 2, 1]
    first = listing.page("", "album", 2, None)
    assert ids(listing.page("", "album", 2, first.next)) == [2, 1]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("search", ["bjork", "BJÖRK", "björk", "bjo\u0308rk", "joga bjork"])
def test_search_does_not_mind_accents(form, search):
    listing = listed(a_track(1, unicodedata.normalize(form, "Jóga"), artist=unicodedata.normalize(form, "Björk")), a_track(2, "Other"))
    assert ids(listing.page(search, "added", None, None)) == [1]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("added", [5, 4, 3, 2, 1]),
        ("title", [3, 4, 1, 5, 2]),
        ("artist", [4, 2, 3, 1, 5]),
        ("album", [3, 4, 1, 5, 2]),
        ("duration", [5, 4, 3, 2, 1]),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 99, None])
def test_pages_of_any_size_hold_everything_once(listing, sort, expected, limit):
    found, after = [], None
    while True:
        page = listing.page("", sort, limit, after)
        assert page.total == len(TITLES)
        found += ids(page)
        after = page.next
        if after is None:
            break
    assert found == expected


@pytest.mark.parametrize(
    ("search", "expected"),
    [("apple", [4, 3]), ("APP", [4, 3]), ("été", [1]), ("artist 1 apple", [3]), ("2.mp3", [2]), ("nothing", []), ("  ", [5, 4, 3, 2, 1])],
)
def test_search(listing, search, expected):
    page = listing.page(search, "added", 50, None)
    assert (ids(page), page.total, page.next) == (expected, len(expected), None)


def test_a_page_of_nothing(listing):
    assert listing.page("", "added", 0, None).tracks == []


def test_a_cursor_stays_where_it_is_when_tracks_come_and_go(listing):
    after = listing.page("", "added", 2, None).next
    listing.update(2, never, lambda revision: {4: None, 6: a_track(6, "x").dump()})
    assert ids(listing.page("", "added", 2, after)) == [3, 2]


def test_it_is_read_again_when_the_changes_are_not_known(listing):
    listing.update(1, never, never)
    listing.update(2, lambda: [a_track(9, "x").dump()], lambda revision: None)
    assert (ids(listing.page("", "added", 9, None)), listing.size()) == ([9], (1, 1.0))


@pytest.mark.parametrize("worth_moving", [0, 1000])
def test_changes_are_as_good_as_reading_all_again(listing, monkeypatch, worth_moving):
    """Whether they are moved into their places one by one or sorted anew."""
    monkeypatch.setattr("core.tracks.WORTH_MOVING", worth_moving)
    orders = [listing.page("", sort, None, None) for sort in SORTS]
    assert listing.size() == (5, 35.0)
    changed = {1: a_track(1, "Mango"), 2: None, 5: a_track(5, "b", duration=99.0), 6: a_track(6, "A"), 7: None}
    listing.update(4, never, lambda revision: {id_: track and track.dump() for id_, track in changed.items()} if revision == 1 else {})
    fresh = Listing()
    kept = [a_track(3, "Apple"), a_track(4, "apple")]
    fresh.update(4, lambda: [track.dump() for track in [*kept, *filter(None, changed.values())]], never)
    assert [listing.page("", sort, None, None) for sort in SORTS] == [fresh.page("", sort, None, None) for sort in SORTS] != orders
    assert listing.size() == fresh.size()


@pytest.mark.parametrize("sort", ["", "id", "Title"])
def test_a_sort_that_does_not_exist(listing, sort):
    with pytest.raises(EarprintError, match="give one of added, title"):
        listing.page("", sort, 50, None)


@pytest.mark.parametrize(
    "cursor", ["", "x", "é", "bnVsbA", "WyJ0aXRsZSIsIDVd", "WyJhZGRlZCIsICJhIl0", "eyJhIjogMX0", "Ww", "e30", "W10", "MQ"]
)
def test_cursors_that_are_none(listing, cursor):
    for sort in SORTS:
        with pytest.raises(EarprintError, match="cursor"):
            listing.page("", sort, 50, cursor)


def test_a_cursor_of_another_sort(listing):
    after = listing.page("", "title", 2, None).next
    with pytest.raises(EarprintError, match="with the same sort"):
        listing.page("", "album", 2, after)
