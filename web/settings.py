"""Everything an operator may change, read from the environment. This is where the names are documented."""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from core.errors import EarprintError

MEGABYTE = 1_000_000  # bytes
TOKEN_CHARACTERS = 16  # at least, so that guessing is hopeless
LOGS = ("warning", "info")


class _BadValueError(ValueError):
    """What a value should have been."""


def _number(low: int, high: int, unit: str) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise _BadValueError(f"a whole number from {low} to {high} ({unit})")
        return value

    return parse


def _flag(text: str) -> bool:
    values = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in values:
        raise _BadValueError("0 or 1")
    return values[text.lower()]


def _listed(text: str) -> frozenset[str]:
    return frozenset(item.strip().lower() for item in text.split(",") if item.strip())


def _origins(text: str) -> frozenset[str]:
    origins = frozenset(origin.rstrip("/") for origin in _listed(text))
    if any(not origin.startswith(("http://", "https://")) or origin.count("/") != 2 for origin in origins):
        raise _BadValueError("origins such as https://example.org, separated by commas")
    return origins


def _hosts(text: str) -> frozenset[str]:
    if any(set(host) & set(":/ ") for host in _listed(text)):
        raise _BadValueError("host names such as music.example.org, without ports, separated by commas; or * for any")
    return _listed(text)


def _networks(text: str) -> frozenset[str]:
    try:
        return frozenset(str(ip_network(network)) for network in _listed(text))
    except ValueError as error:
        raise _BadValueError("addresses or networks such as 10.0.0.0/8, separated by commas") from error


def _token(text: str) -> str:
    if len(text) < TOKEN_CHARACTERS or not text.isascii() or not text.isprintable() or " " in text:
        raise _BadValueError(f"at least {TOKEN_CHARACTERS} ASCII characters without spaces")
    return text


def _log(text: str) -> str:
    if text.lower() not in LOGS:
        raise _BadValueError(" or ".join(LOGS))
    return text.lower()


def _setting(name: str, default: Any, parse: Callable[[str], Any], meaning: str, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"name": name, "parse": parse, "meaning": meaning, "secret": secret})


@dataclass(frozen=True)
class Settings:
    """Read by `Settings.from_env()`. An empty variable counts as absent."""

    # ruff: noqa: RUF009 (_setting is dataclasses.field)
    data: Path = _setting("EARPRINT_DATA", Path("data"), Path, "the data folder: index, uploads, kept queries")
    upload_megabytes: int = _setting(
        "EARPRINT_UPLOAD_MEGABYTES", 200, _number(1, 100_000, "megabytes"), "the largest file that is taken"
    )
    request_megabytes: int = _setting(
        "EARPRINT_REQUEST_MEGABYTES", 2_000, _number(1, 1_000_000, "megabytes"), "the largest request: all its files"
    )
    upload_hours: int = _setting("EARPRINT_UPLOAD_HOURS", 3, _number(1, 1_000, "hours"), "the longest sound that is taken, in a file")
    decodes: int = _setting(
        "EARPRINT_DECODES", os.cpu_count() or 1, _number(1, 1_000, "files"), "files analysed at a time, by each worker"
    )
    decodes_waiting: int = _setting(
        "EARPRINT_DECODES_WAITING", 8, _number(0, 10_000, "requests"), "requests that may wait for that, of each worker; more are refused"
    )
    keep_queries: bool = _setting("EARPRINT_KEEP_QUERIES", False, _flag, "1 keeps the files sent to /predict in query/")

    token: str = _setting("EARPRINT_TOKEN", "", _token, "whoever knows it may change the library; absent: everybody", secret=True)
    token_file: Path | None = _setting("EARPRINT_TOKEN_FILE", None, Path, "a file that holds the token, in its place")
    private: bool = _setting("EARPRINT_PRIVATE", False, _flag, "1 asks for the token also to listen, identify and look")
    origins: frozenset[str] = _setting(
        "EARPRINT_ORIGINS", frozenset(), _origins, "sites besides our own whose pages may listen and write"
    )
    hosts: frozenset[str] = _setting("EARPRINT_HOSTS", frozenset(), _hosts, "names by which this server is known, or * for any")
    proxies: frozenset[str] = _setting(
        "EARPRINT_PROXIES", frozenset(), _networks, "proxies that are believed when they name a client's address"
    )
    requests_per_minute: int = _setting(
        "EARPRINT_REQUESTS_PER_MINUTE", 600, _number(1, 1_000_000, "requests"), "requests of an address, on all workers together"
    )
    work_per_minute: int = _setting(
        "EARPRINT_WORK_PER_MINUTE", 120, _number(1, 1_000_000, "requests"), "of these, uploads, files to identify, listeners, log-ins"
    )

    listeners: int = _setting(
        "EARPRINT_LISTENERS", 200, _number(1, 100_000, "connections"), "listeners at the same time, on all workers together"
    )
    address_listeners: int = _setting(
        "EARPRINT_ADDRESS_LISTENERS", 20, _number(1, 100_000, "connections"), "of these, from one address"
    )
    message_bytes: int = _setting(
        "EARPRINT_MESSAGE_BYTES", 1 << 20, _number(1 << 12, 1 << 24, "bytes"), "the largest message of a listener"
    )
    sample_rate: int = _setting("EARPRINT_SAMPLE_RATE", 192_000, _number(8_000, 192_000, "Hz"), "the highest that listeners may send")
    idle_seconds: int = _setting(
        "EARPRINT_IDLE_SECONDS", 60, _number(1, 86_400, "seconds"), "a listener who sends nothing for so long is closed"
    )
    silence_seconds: int = _setting(
        "EARPRINT_SILENCE_SECONDS", 900, _number(1, 86_400, "seconds"), "a listener whose sound is silent for so long is closed"
    )
    session_seconds: int = _setting(
        "EARPRINT_SESSION_SECONDS", 43_200, _number(1, 31_536_000, "seconds"), "listening ends after so long"
    )

    workers: int = _setting("EARPRINT_WORKERS", 1, _number(1, 1_000, "processes"), "that share the limits; `serve --workers` sets it")
    log: str = _setting("EARPRINT_LOG", "warning", _log, "info also logs a line for each request and listener")

    @property
    def upload_bytes(self) -> int:
        return self.upload_megabytes * MEGABYTE

    @property
    def request_bytes(self) -> int:
        return self.request_megabytes * MEGABYTE

    @property
    def upload_seconds(self) -> float:
        return self.upload_hours * 3600.0

    def share(self, limit: int) -> int:
        """What a worker may take of a limit that holds for all of them."""
        return math.ceil(limit / self.workers)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Raises EarprintError that names the variable, what it holds and what it should hold."""
        given = {f.name: f.metadata for f in fields(cls) if environ.get(f.metadata["name"])}
        settings = cls(**{name: _parsed(environ[meta["name"]], meta["name"], meta) for name, meta in given.items()})
        return replace(settings, token=_token_in(settings.token_file)) if settings.token_file else settings


def _parsed(text: str, name: str, meta: Mapping[str, Any]) -> Any:
    try:
        return meta["parse"](text)
    except _BadValueError as wanted:
        raise EarprintError(f"{name} must be {wanted}" + ("" if meta["secret"] else f", not {text!r}")) from None


def _token_in(path: Path) -> str:
    try:
        return _token(path.read_text("utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise EarprintError(f"{path}: cannot be read as a token: {getattr(error, 'strerror', None) or 'it is not text'}") from error
    except _BadValueError as wanted:
        raise EarprintError(f"{path} must hold {wanted}") from None
