"""Which names are ours, and whose page a request comes from."""

import pytest
from starlette.datastructures import Headers

from web.sites import foreign, known_host


@pytest.mark.parametrize(
    ("origin", "host", "is_foreign"),
    [
        ("http://localhost:8000", "localhost:8000", False),
        ("http://localhost:8000", "LOCALHOST:8000", False),
        ("http://example.org", "example.org", False),
        ("https://example.org", "example.org:443", False),
        ("http://[::1]:8000", "[::1]:8000", False),
        ("https://Friend.example", "localhost:8000", False),
        ("http://localhost:8001", "localhost:8000", True),
        ("http://localhost", "localhost:8000", True),
        ("http://localhost.evil.example:8000", "localhost:8000", True),
        ("http://localhost:8000.evil.example", "localhost:8000", True),
        ("null", "localhost:8000", True),
        ("", "localhost:8000", True),
        ("", "", True),
        ("http://[", "localhost:8000", True),
    ],
)
def test_foreign(origin, host, is_foreign):
    assert foreign(Headers({"origin": origin, "host": host}), {"https://friend.example"}) is is_foreign


@pytest.mark.parametrize(
    ("site", "is_foreign"), [("same-origin", False), ("none", False), ("same-site", True), ("cross-site", True), ("new", True)]
)
def test_foreign_by_what_browsers_say_of_a_request_without_an_origin(site, is_foreign):
    assert foreign(Headers({"sec-fetch-site": site, "host": "localhost:8000"}), ()) is is_foreign


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
@pytest.mark.parametrize("origin", ["http://localhost", "https://localhost"])
def test_the_same_host_is_foreign_where_the_browser_says_so(origin, site):
    """As it does of a page that came by http, where anybody on the way may have written it, and sends to https."""
    assert foreign(Headers({"origin": origin, "sec-fetch-site": site, "host": "localhost"}), ())
    assert not foreign(Headers({"origin": origin, "sec-fetch-site": "same-origin", "host": "localhost"}), ())


def test_a_friend_is_cross_site_and_welcome():
    headers = Headers({"origin": "https://friend.example", "sec-fetch-site": "cross-site", "host": "localhost"})
    assert not foreign(headers, {"https://friend.example"})


def test_a_program_says_neither():
    assert not foreign(Headers({"host": "localhost:8000"}), ())


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "[::1]:8000", "localhost", "LOCALHOST:80", "nas:8000", "nas.local", "a.b.internal", "192.0.2.7", ""]
)
def test_addresses_and_names_of_the_local_network_are_ours(host):
    assert known_host(host, ())


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "local.evil.example", "[::1", "x.locale", "a.b@c.d"]
)
def test_a_name_that_could_be_registered_is_not(host):
    assert not known_host(host, {"music.example.org"})


@pytest.mark.parametrize("allowed", [{"music.example.org"}, {"*"}])
def test_unless_the_operator_says_so(allowed):
    assert known_host("Music.example.org:443", allowed)
