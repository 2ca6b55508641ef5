"""Everything an operator may change, read from the environment. This is where the names are documented."""

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import EarprintError
from core.folder import usual_folder
from web import values
from web.values import BadValueError

MEGABYTE = 1_000_000  # bytes
PREFIX = "EARPRINT_"  # of the names of all settings
NOT_OURS = re.compile(PREFIX + r"(SERVICE_|PORT$|PORT_\d)")  # what Kubernetes sets for a service that is called earprint


HEAD = """# Settings

The server reads its settings from the environment; an empty variable counts as absent. `earprint settings` shows the values in force.
A name that begins with `EARPRINT_` and is not listed here is reported when the server starts.
This page is generated: `earprint settings --markdown > docs/settings.md`.
"""


class Row(NamedTuple):
    """A setting as it is listed: its name, its value as text, the text of its default, and what it means."""

    name: str
    value: str
    default: str
    meaning: str


def _setting(name: str, default: Any, parse: Callable[[str], Any], meaning: str, *, secret: bool = False, usual: str = "") -> Any:
    """Describe a setting. usual: what the default is called in the documentation, where it depends on the machine.

    A default that is a function is called for each `Settings`.
    """
    about = {"name": name, "parse": parse, "meaning": meaning, "secret": secret, "usual": usual}
    return field(repr=not secret, metadata=about, **{"default_factory" if callable(default) else "default": default})


@dataclass(frozen=True)
class Settings:
    """Read by `Settings.from_env()`. An empty variable counts as absent."""

    # ruff: noqa: RUF009 (_setting is dataclasses.field)
    data: Path = _setting(
        *("EARPRINT_DATA", usual_folder, lambda text: Path(text).absolute(), "the data folder: index, uploads, kept queries"),
        usual="`./data` where that is a library, else the user's data folder",
    )
    upload_megabytes: int = _setting(
        "EARPRINT_UPLOAD_MEGABYTES", 200, values.number(1, 100_000, "megabytes"), "the largest file that is accepted"
    )
    request_megabytes: int = _setting(
        "EARPRINT_REQUEST_MEGABYTES", 2_000, values.number(1, 1_000_000, "megabytes"), "the largest request: all its files together"
    )
    upload_hours: int = _setting(
        "EARPRINT_UPLOAD_HOURS", 3, values.number(1, 1_000, "hours"), "the longest sound that is accepted in a file"
    )
    decodes: int = _setting(
        *("EARPRINT_DECODES", os.cpu_count() or 1, values.number(1, 1_000, "files"), "files analysed at a time, by each worker"),
        usual="the number of cores",
    )
    decodes_waiting: int = _setting(
        "EARPRINT_DECODES_WAITING", 8, values.number(0, 10_000, "requests"), "requests of each kind that may wait, of each worker; then 503"
    )
    keep_queries: bool = _setting("EARPRINT_KEEP_QUERIES", False, values.flag, "1 keeps the files sent to /predict in query/")

    token: str = _setting("EARPRINT_TOKEN", "", values.token, "needed to change the library; without one, every visitor may", secret=True)
    token_file: Path | None = _setting("EARPRINT_TOKEN_FILE", None, Path, "a file that holds the token, in its place")
    private: bool = _setting("EARPRINT_PRIVATE", False, values.flag, "1 asks for the token also to listen, identify and look")
    origins: frozenset[str] = _setting(
        "EARPRINT_ORIGINS", frozenset(), values.origins, "sites besides our own whose pages may listen and write"
    )
    hosts: frozenset[str] = _setting("EARPRINT_HOSTS", frozenset(), values.hosts, "names by which this server is known, or * for any")
    root_path: str = _setting(
        "EARPRINT_ROOT_PATH", "", values.root_path, "the path at which a proxy serves this server, such as /earprint, which it takes away"
    )
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
        *("EARPRINT_IDLE_SECONDS", 60, values.number(1, 86_400, "seconds")),
        "close connections that send no sound or upload data for this many seconds",
    )
    silence_seconds: int = _setting(
        "EARPRINT_SILENCE_SECONDS", 900, values.number(1, 86_400, "seconds"), "end a listener's session after this many seconds of silence"
    )
    session_seconds: int = _setting(
        "EARPRINT_SESSION_SECONDS", 43_200, values.number(1, 31_536_000, "seconds"), "end a listener's session after this many seconds"
    )

    file_effort: int = _setting(
        "EARPRINT_FILE_EFFORT", 8, values.number(1, 1_000, "times"), "times the usual work that may go into a file that is not recognised"
    )
    workers: int = _setting(
        *("EARPRINT_WORKERS", 1, values.number(1, 1_000, "processes")),
        "server processes that share the limits; `serve --workers` sets it",
    )
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

    def rows(self) -> list[Row]:
        """Return all settings with their present values, in the order of the table above. The token is not shown."""
        usual = Settings()
        return [
            Row(f.metadata["name"], _shown(getattr(self, f.name), f), _usual(usual, f), f.metadata["meaning"]) for f in fields(self)
        ]

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Raises EarprintError that names the variable, what it holds and what it should hold."""
        given = {f.name: f.metadata for f in fields(cls) if environ.get(f.metadata["name"])}
        settings = cls(**{name: _parsed(environ[meta["name"]], meta["name"], meta) for name, meta in given.items()})
        return replace(settings, token=_token_in(settings.token_file)) if settings.token_file else settings


def misspelt(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return a sentence for each EARPRINT_* variable that is no setting, with the name that was probably meant."""
    known = [f.metadata["name"].removeprefix(PREFIX) for f in fields(Settings)]
    given = sorted(name.removeprefix(PREFIX) for name in environ if name.startswith(PREFIX) and not NOT_OURS.match(name))
    return [_no_setting(name, get_close_matches(name.upper(), known, n=1)) for name in given if name not in known]


def _no_setting(name: str, near: list[str]) -> str:
    advice = f"did you mean {PREFIX}{near[0]}?" if near else "`earprint settings` lists all"
    return f"{PREFIX}{name} is no setting and has no effect; {advice}"


def as_markdown() -> str:
    """Return docs/settings.md, which the tests hold against this table."""
    rows = [f"| `{name}` | {default or '-'} | {meaning} |" for name, _, default, meaning in Settings().rows()]
    return "\n".join([HEAD, "| setting | default | meaning |", "|---|---|---|", *rows, ""])


def _usual(defaults: Settings, setting: "Field[Any]") -> str:
    return setting.metadata["usual"] or _shown(getattr(defaults, setting.name), setting)


def _shown(value: Any, setting: "Field[Any]") -> str:
    """Return a value as one would write it into the environment."""
    if setting.metadata["secret"]:
        return "(set)" if value else ""
    if isinstance(value, frozenset):
        return ",".join(sorted(value))
    return "" if value is None else str(int(value) if isinstance(value, bool) else value)


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
