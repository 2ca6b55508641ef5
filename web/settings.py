"""Everything an operator may change, read from the environment. This is where the names are documented."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from core.errors import EarprintError

MEGABYTE = 1_000_000  # bytes


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


def _origins(text: str) -> frozenset[str]:
    origins = frozenset(origin.strip().rstrip("/").lower() for origin in text.split(",") if origin.strip())
    if any(not origin.startswith(("http://", "https://")) or origin.count("/") != 2 for origin in origins):
        raise _BadValueError("origins such as https://example.org, separated by commas")
    return origins


def _setting(name: str, default: Any, parse: Callable[[str], Any], meaning: str) -> Any:
    return field(default=default, metadata={"name": name, "parse": parse, "meaning": meaning})


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
    listeners: int = _setting(
        "EARPRINT_LISTENERS", 100, _number(1, 100_000, "connections"), "listeners at the same time, for each worker"
    )
    idle_seconds: int = _setting(
        "EARPRINT_IDLE_SECONDS", 60, _number(1, 86_400, "seconds"), "a listener silent for so long is closed"
    )
    keep_queries: bool = _setting("EARPRINT_KEEP_QUERIES", False, _flag, "1 keeps the files sent to /predict in query/")
    origins: frozenset[str] = _setting(
        "EARPRINT_ORIGINS", frozenset(), _origins, "sites besides our own whose pages may listen and write"
    )

    @property
    def upload_bytes(self) -> int:
        return self.upload_megabytes * MEGABYTE

    @property
    def request_bytes(self) -> int:
        return self.request_megabytes * MEGABYTE

    @property
    def upload_seconds(self) -> float:
        return self.upload_hours * 3600.0

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Raises EarprintError that names the variable, what it holds and what it should hold."""
        given = {f.name: f.metadata for f in fields(cls) if environ.get(f.metadata["name"])}
        return cls(**{name: _read(environ, meta["name"], meta["parse"]) for name, meta in given.items()})


def _read(environ: Mapping[str, str], name: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(environ[name])
    except _BadValueError as wanted:
        raise EarprintError(f"{name} must be {wanted}, not {environ[name]!r}") from None
