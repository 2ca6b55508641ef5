"""Whom requests are counted for, how many there may be, and that counting takes no end of memory."""

from types import SimpleNamespace

import pytest
from starlette.requests import HTTPConnection

from web.limits import ADDRESSES, Listeners, Rate, client_of
from web.settings import Settings


def connection(address, *, proxies=(), **headers):
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    state = {"settings": Settings(proxies=frozenset(proxies))}
    return HTTPConnection({"type": "http", "client": address and (address, 1234), "headers": raw, "state": state})


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", None, "testclient"])
def test_this_machine_is_not_counted(address):
    assert client_of(connection(address)) is None


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),  # one customer
    ],
)
def test_others_are(address, counted):
    assert client_of(connection(address)) == counted


def test_what_an_undeclared_proxy_hands_on_is_counted():
    assert client_of(connection("127.0.0.1", x_forwarded_for="203.0.113.7")) == "127.0.0.1"


def test_with_a_declared_proxy_this_machine_is_counted_too():
    """uvicorn has replaced the proxy's address by its client's, who may say anything."""
    assert client_of(connection("127.0.0.1", proxies={"127.0.0.1/32"})) == "127.0.0.1"


class TestRate:
    def test_a_burst_then_a_steady_flow(self):
        now = SimpleNamespace(seconds=0.0)
        rate = Rate(60, lambda: now.seconds)
        assert [rate.wait("a") for _ in range(60)] == [0.0] * 60
        assert rate.wait("a") == pytest.approx(1.0)
        assert rate.wait("b") == 0.0
        now.seconds = 0.5
        assert rate.wait("a") == pytest.approx(0.5)
        now.seconds = 1.0
        assert rate.wait("a") == 0.0
        assert rate.wait("a") > 0
        now.seconds = 1e6
        assert [rate.wait("a") for _ in range(61)].count(0.0) == 60

    def test_memory_has_an_end(self):
        rate = Rate(1, lambda: 0.0)
        for number in range(ADDRESSES + 10):
            rate.wait(str(number))
        assert len(rate._buckets) == ADDRESSES
        assert rate.wait("0") == 0.0  # forgotten
        assert rate.wait(str(ADDRESSES + 9)) > 0


class TestListeners:
    def test_in_all(self):
        listeners = Listeners(2, 1)
        listeners.enter(None)
        assert not listeners.full()
        listeners.enter(None)
        assert listeners.full()
        listeners.leave(None)
        assert not listeners.full()

    def test_of_an_address(self):
        listeners = Listeners(10, 2)
        listeners.enter("a")
        assert not listeners.full_for("a")
        listeners.enter("a")
        assert listeners.full_for("a")
        assert not listeners.full_for("b")
        assert not listeners.full_for(None)
        listeners.leave("a")
        assert not listeners.full_for("a")
        listeners.leave("a")
        assert not listeners._of  # nobody is remembered
