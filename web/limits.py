"""How much one address may ask for, and how many may listen. Each worker counts its own share."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.requests import HTTPConnection

ADDRESSES = 10_000  # that are remembered; the one that has been quiet longest is forgotten first
IPV6_PREFIX = 64  # bits: what one customer of a provider has is one address to us
FORWARDED = ("x-forwarded-for", "forwarded")


def client_of(connection: HTTPConnection) -> str | None:
    """Whom to count a request for; None for this machine itself, which has no limits.

    What a proxy hands on comes from this machine too, and is not meant. Where the proxy is declared, uvicorn has put its client's
    address in place of its own; where it is not, all its clients count as one.
    """
    address = connection.client.host if connection.client else ""
    proxied = connection.state.settings.proxies or any(name in connection.headers for name in FORWARDED)
    return _counted(address) if proxied or not _is_here(address) else None


def _is_here(address: str) -> bool:
    """Loopback, and what is no address: a local socket."""
    parsed = _parsed(address)
    return parsed is None or parsed.is_loopback


def _counted(address: str) -> str:
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, IPV6_PREFIX), strict=False))
    return str(parsed)


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return parsed.ipv4_mapped or parsed if isinstance(parsed, IPv6Address) else parsed


class Rate:
    """So many requests a minute from an address, all at once or spread: a bucket that fills again steadily."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size, self._per_second, self._clock = float(per_minute), per_minute / 60, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # address -> (what is left, when)

    def wait(self, address: str) -> float:
        """Counts a request. 0, or the seconds after which one would be served; then it was not counted."""
        now = self._clock()
        left, then = self._buckets.pop(address, (self._size, now))
        left = min(self._size, left + (now - then) * self._per_second)
        served = left >= 1
        self._buckets[address] = (left - served, now)
        if len(self._buckets) > ADDRESSES:
            self._buckets.popitem(last=False)
        return 0.0 if served else (1 - left) / self._per_second


class Listeners:
    """Who listens now, and how many may: in all, and from one address."""

    def __init__(self, limit: int, address_limit: int) -> None:
        self.count = 0
        self._limit, self._address_limit = limit, address_limit
        self._of: Counter[str] = Counter()

    def full(self) -> bool:
        return self.count >= self._limit

    def full_for(self, address: str | None) -> bool:
        return address is not None and self._of[address] >= self._address_limit

    def enter(self, address: str | None) -> None:
        self.count += 1
        if address is not None:
            self._of[address] += 1

    def leave(self, address: str | None) -> None:
        self.count -= 1
        if address is not None:
            self._of[address] -= 1
            if not self._of[address]:
                del self._of[address]
