"""docs/protocol.md tells all that there is, and nothing that there is not."""

import re
from pathlib import Path

import core
import stream
import stream.protocol
from cli.app import app
from core.evidence import Guess
from core.tracks import SORTS, Track
from web.errors import CODE, STATUS_CODE
from web.openapi import PATHS

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "protocol.md").read_text()
SOURCE = "\n".join(path.read_text() for layer in ("stream", "web") for path in (ROOT / layer).glob("*.py"))
RAISED = r'(?:ApiError\(\d+, |unauthorized\(|_Refusal\(|Dismissal\()"(\w+)"'


def part(title):
    return TEXT.split(f"\n## {title}")[1].split("\n## ")[0]


def test_routes():
    told = set(re.findall(r"^\| `([A-Z]+) (/[^`]*)`", part("HTTP"), re.MULTILINE))
    assert told == {(method.upper(), path) for path, said in PATHS.items() for method in said if method != "parameters"}


def test_error_codes():
    codes = {*re.findall(RAISED, SOURCE), *CODE.values(), *STATUS_CODE.values()}
    assert len(codes) > 30
    assert {code for code in codes if f"`{code}`" not in TEXT} == set()


def test_close_codes():
    table = re.findall(r"^    (\w+) +(1\d{3})  ", stream.protocol.__doc__, re.MULTILINE)
    assert len(table) > 5
    for code, close in table:
        assert re.search(rf"`{code}`.*\| {close} \|", part("WebSocket"))


def test_properties_and_options():
    internal = {"sha256", "path", "edited", "_", "twin_ids", "first_heard", "last_heard"}
    names = {name for kind in (*Track.__mro__, Guess) for name in getattr(kind, "__annotations__", {})} - internal
    assert {name for name in names if f'"{name}":' not in part("Values")} == set()
    assert all(f"`{sort}`" in part("HTTP") for sort in SORTS)


def test_commands():
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert set(re.findall(r"`earprint (\w+)`", part("Command line"))) == commands


def test_names_in_python():
    for package in (core, stream):
        names = re.findall(rf"`{package.__name__}\.(\w+)", part("Python"))
        assert names
        assert all(hasattr(package, name) for name in names)
