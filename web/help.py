"""What the page says to programmers: examples, which are files that run, with this server's address in the place of the usual one."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "examples"
ADDRESS = "127.0.0.1:8000"  # in the files
LANGUAGES = {"Python": ".py", "JavaScript": ".js", "curl": ".sh"}
TASKS = {
    "identify": ("Identify a recording", "POST /predict"),
    "listen": ("Stream sound, and be told while it plays", "WebSocket /listen"),
    "add": ("Add music", "POST /upload"),
    "search": ("Search the library", "GET /tracks"),
    "change": ("Edit, delete and restore a track", "PATCH, DELETE, POST"),
}


@dataclass(frozen=True)
class Example:
    """How to do a task in a language."""

    title: str
    call: str
    code: str


def examples(base_url: str) -> dict[str, list[Example]]:
    """The examples in each language. base_url: of this server, with http or https."""
    scheme, _, rest = base_url.rstrip("/").partition("://")
    return {language: [_example(task, suffix, scheme, rest) for task in TASKS] for language, suffix in LANGUAGES.items()}


def _example(task: str, suffix: str, scheme: str, address: str) -> Example:
    code = _read(task + suffix).replace(f"http://{ADDRESS}", f"{scheme}://{address}")
    return Example(*TASKS[task], code.replace(f"ws://{ADDRESS}", f"{scheme.replace('http', 'ws')}://{address}"))


@cache
def _read(name: str) -> str:
    return (FOLDER / name).read_text()
