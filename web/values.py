"""Settings as text -> values. Each raises `BadValueError` with what the text should have been."""

from collections.abc import Callable
from ipaddress import ip_network

TOKEN_CHARACTERS = 16  # at least, so that guessing is hopeless
LOGS = ("warning", "info")


class BadValueError(ValueError):
    """What a value should have been."""


def number(low: int, high: int, unit: str) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise BadValueError(f"a whole number from {low} to {high} ({unit})")
        return value

    return parse


def flag(text: str) -> bool:
    values = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in values:
        raise BadValueError("0 or 1")
    return values[text.lower()]


def listed(text: str) -> frozenset[str]:
    return frozenset(item.strip().lower() for item in text.split(",") if item.strip())


def origins(text: str) -> frozenset[str]:
    """As browsers write them: without a path, and without a port that is the usual one."""
    given = frozenset(map(_origin, listed(text)))
    if any(not origin.startswith(("http://", "https://")) or origin.count("/") != 2 for origin in given):
        raise BadValueError("origins such as https://example.org, separated by commas")
    return given


def _origin(text: str) -> str:
    bare = text.rstrip("/")
    return bare.removesuffix(":443" if bare.startswith("https:") else ":80")


def hosts(text: str) -> frozenset[str]:
    given = listed(text)
    if any(set(host) & set(":/ ") for host in given):
        raise BadValueError("host names such as music.example.org, without ports, separated by commas; or * for any")
    return given


def root_path(text: str) -> str:
    path = text.rstrip("/")
    if (path and not path.startswith("/")) or set(path) & set("?#% "):
        raise BadValueError("a path such as /earprint")
    return path


def networks(text: str) -> frozenset[str]:
    try:
        return frozenset(str(ip_network(network)) for network in listed(text))
    except ValueError as error:
        raise BadValueError("addresses or networks such as 10.0.0.0/8, separated by commas") from error


def token(text: str) -> str:
    if len(text) < TOKEN_CHARACTERS or not text.isascii() or not text.isprintable() or " " in text:
        raise BadValueError(f"at least {TOKEN_CHARACTERS} ASCII characters without spaces")
    return text


def log(text: str) -> str:
    if text.lower() not in LOGS:
        raise BadValueError(" or ".join(LOGS))
    return text.lower()
