"""Everything an operator may change, read from the environment. This is where the names are documented."""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from core.errors import EarprintError
from web import values
from web.values import BadValueError

MEGABYTE = 1_000_000  # bytes


def _setting(name: str, default: Any, parse: Callable[[str], Any], meaning: str, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"name": name, "parse": parse, "meaning": meaning, "secret": secret})


@dataclass(frozen=True)
class Settings:
    """Read by `Settings.from_env()`. An empty variable counts as absent."""

    # ruff: noqa: RUF009 (_setting is dataclasses.field)
    data: Path = _setting("EARPRINT_DATA", Path("data"), Path, "the data folder: index, uploads, kept queries")
    upload_megabytes: int = _setting(
        "EARPRINT_UPLOAD_MEGABYTES", 200, values.number(1, 100_000, "megabytes"), "the largest file that is taken"
    )
    request_megabytes: int = _setting(
        "EARPRINT_REQUEST_MEGABYTES", 2_000, values.number(1, 1_000_000, "megabytes"), "the largest request: all its files"
    )
    upload_hours: int = _setting("EARPRINT_UPLOAD_HOURS", 3, values.number(1, 1_000, "hours"), "the longest sound that is taken, in a file")
    decodes: int = _setting(
        "EARPRINT_DECODES", os.cpu_count() or 1, values.number(1, 1_000, "files"), "files analysed at a time, by each worker"
    )
    decodes_waiting: int = _setting(
        "EARPRINT_DECODES_WAITING", 8, values.number(0, 10_000, "requests"), "requests of each kind that may wait, of each worker; then 503"
    )
    keep_queries: bool = _setting("EARPRINT_KEEP_QUERIES", False, values.flag, "1 keeps the files sent to /predict in query/")

    token: str = _setting("EARPRINT_TOKEN", "", values.token, "whoever knows it may change the library; absent: everybody", secret=True)
    token_file: Path | None = _setting("EARPRINT_TOKEN_FILE", None, Path, "a file that holds the token, in its place")
    private: bool = _setting("EARPRINT_PRIVATE", False, values.flag, "1 asks for the token also to listen, identify and look")
    origins: frozenset[str] = _setting(
        "EARPRINT_ORIGINS", frozenset(), values.origins, "sites besides our own whose pages may listen and write"
    )
    hosts: frozenset[str] = _setting("EARPRINT_HOSTS", frozenset(), values.hosts, "names by which this server is known, or * for any")
    proxies: frozenset[str] = _setting(
        "EARPRINT_PROXIES", frozenset(), values.networks, "proxies that are believed when they name a client's address"
    )
    requests_per_minute: int = _setting(
        "EARPRINT_REQUESTS_PER_MINUTE", 600, values.number(1, 1_000_000, "requests"), "requests of an address, on all workers together"
    )
    work_per_minute: int = _setting(
        "EARPRINT_WORK_PER_MINUTE", 120, values.number(1, 1_000_000, "requests"), "of these, uploads, files to identify, listeners, log-ins"
    )

    listeners: int = _setting(
        "EARPRINT_LISTENERS", 200, values.number(1, 100_000, "connections"), "listeners at the same time, on all workers together"
    )
    address_listeners: int = _setting(
        "EARPRINT_ADDRESS_LISTENERS", 20, values.number(1, 100_000, "connections"), "of these, from one address"
    )
    message_bytes: int = _setting(
        "EARPRINT_MESSAGE_BYTES", 1 << 20, values.number(1 << 12, 1 << 24, "bytes"), "the largest message of a listener"
    )
    sample_rate: int = _setting("EARPRINT_SAMPLE_RATE", 192_000, values.number(8_000, 192_000, "Hz"), "the highest that listeners may send")
    idle_seconds: int = _setting(
        "EARPRINT_IDLE_SECONDS", 60, values.number(1, 86_400, "seconds"), "who sends nothing for so long, be it sound or a file, is closed"
    )
    silence_seconds: int = _setting(
        "EARPRINT_SILENCE_SECONDS", 900, values.number(1, 86_400, "seconds"), "a listener whose sound is silent for so long is closed"
    )
    session_seconds: int = _setting(
        "EARPRINT_SESSION_SECONDS", 43_200, values.number(1, 31_536_000, "seconds"), "listening ends after so long"
    )

    file_effort: int = _setting(
        "EARPRINT_FILE_EFFORT", 8, values.number(1, 1_000, "times"), "times the usual work that may go into a file that is not recognised"
    )
    workers: int = _setting("EARPRINT_WORKERS", 1, values.number(1, 1_000, "processes"), "that share the limits; `serve --workers` sets it")
    log: str = _setting("EARPRINT_LOG", "warning", values.log, "info also logs a line for each request and listener")

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
    except BadValueError as wanted:
        raise EarprintError(f"{name} must be {wanted}" + ("" if meta["secret"] else f", not {text!r}")) from None


def _token_in(path: Path) -> str:
    try:
        return values.token(path.read_text("utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise EarprintError(f"{path}: cannot be read as a token: {getattr(error, 'strerror', None) or 'it is not text'}") from error
    except BadValueError as wanted:
        raise EarprintError(f"{path} must hold {wanted}") from None
