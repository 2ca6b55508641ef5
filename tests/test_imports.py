"""Imports point one way, earprint -> cli -> web -> stream -> core; the engine knows no network, clock, thread or process."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ["core", "stream", "web", "cli"]  # each imports the ones before it
ENGINE = sorted(path.relative_to(ROOT) for layer in ("core", "stream") for path in (ROOT / layer).rglob("*.py"))
OUTSIDE = {
    "network": {"socket", "ssl", "http", "urllib", "starlette", "uvicorn", "websockets", "requests", "httpx2"},
    "clock": {"time", "datetime", "sched"},
    "thread": {"threading", "asyncio", "anyio", "_thread", "queue", "contextvars"},
    "process": {"multiprocessing", "concurrent", "subprocess", "signal"},
    "storage": {"lmdb"},
    "random": {"random", "secrets", "uuid"},
}
ALLOWED = {
    "core/library.py": {"time", "datetime"},
    "core/ingest.py": {"multiprocessing", "concurrent", "queue", "signal"},
    "core/nominator.py": {"time"},  # counts the CPU seconds that look-ups take
    "core/index.py": {"threading", "datetime"},  # locks its caches; notes when a track was added
    "core/storage.py": {"lmdb"},
    "core/tracks.py": {"threading"},  # locks its cache
}
HEAVY = {"numpy", "scipy", "librosa", "numba", "av", "soxr", "lmdb", "starlette", "uvicorn", "rich"}


def imported(path: Path) -> set[str]:
    """Return the dotted names that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import hides its layer"
            names.add(node.module)
    return names


def tops(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_point_one_way(layer):
    above = {*LAYERS[LAYERS.index(layer) + 1 :], "earprint", "tests", "benchmarks"}
    for path in (ROOT / layer).rglob("*.py"):
        assert not tops(path) & above, path


@pytest.mark.parametrize("path", ENGINE, ids=str)
def test_the_engine_knows_only_samples(path):
    outside = set().union(*OUTSIDE.values()) - ALLOWED.get(path.as_posix(), set())
    assert not tops(path) & outside


def test_the_exceptions_are_still_needed():
    for path, names in ALLOWED.items():
        assert tops(Path(path)) & names, path


@pytest.mark.parametrize("module", ["core", "core.errors", "core.ingest", "core.loading", "stream", "stream.prepare", "cli.app"])
def test_import_is_light(module):
    code = f"import {module}, sys; print(*{HEAVY} & {{name.partition('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not loaded.split()
