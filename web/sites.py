"""Which site a request belongs to: by which name it reached us, and whose page sent it."""

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers

DEFAULT_PORTS = {"http": 80, "https": 443}
LOCAL_NAMES = (".localhost", ".local", ".internal", ".home.arpa")  # RFC 6761, 6762, 8375: nobody can register one
OUR_PAGES = {"same-origin", "none"}  # values of Sec-Fetch-Site; none is the person at the browser


def known_host(host: str, allowed: Collection[str]) -> bool:
    """Whether this server goes by the name in a Host header.

    A page whose own name is made to point here (DNS rebinding) would pass for ours in every other respect. So names that can be
    registered have to be `allowed`; addresses and names of the local network always are, and programs that send no name.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return "*" in allowed or name in allowed or "." not in name or name.endswith(LOCAL_NAMES) or _is_address(name)


def foreign(headers: Headers, allowed: Collection[str]) -> bool:
    """Whether a page of another site makes this request. Programs send neither header, and are not meant.

    A proxy may hide whether we are reached by https, which the browser knows: to it, a page of the same host by http is another site's.
    """
    origin = headers.get("origin")
    if origin is not None and origin.lower() in allowed:
        return False
    ours = origin is None or _same_host(origin, headers.get("host", ""))
    return not ours or headers.get("sec-fetch-site", "none") not in OUR_PAGES


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


def _same_host(origin: str, host: str) -> bool:
    try:
        ours, theirs = urlsplit(f"//{host}"), urlsplit(origin)
        port = DEFAULT_PORTS.get(theirs.scheme)
        return bool(ours.hostname) and (ours.hostname, ours.port or port) == (theirs.hostname, theirs.port or port)
    except ValueError:  # a port that is no number
        return False
