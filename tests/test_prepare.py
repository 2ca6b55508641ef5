"""Compiling ahead: it is said, happens once, and leaves nothing for later commands to compile."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.fourier import rfft
from core.index import Index
from core.library import Library
from stream import prepare, warm

PROGRAM = Path(sys.executable).with_name("earprint")
PATIENCE = 300  # seconds, in which everything is compiled on a busy machine


def run(*arguments, **environment):
    command = [PROGRAM, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True, env=os.environ | environment)
    return done.stderr.splitlines()


def compiled(folder):
    return {path.name for path in folder.rglob("*.nbc")}


def test_the_first_command_prepares_and_the_next_have_nothing_to_compile(music, tmp_path):
    place = {"NUMBA_CACHE_DIR": str(tmp_path / "compiled")}
    (said,) = run("add", music[0], "--data", tmp_path / "data", **place)
    assert "preparing the engine for this computer; this happens once" in said
    everything = compiled(tmp_path)
    assert len(everything) > 20
    assert run("add", *music, "--data", tmp_path / "data", **place) == []
    assert run("identify", *music, "--data", tmp_path / "data", **place) == []
    assert run("rebuild", "-q", "--data", tmp_path / "data", **place) == []
    assert run("check", "--data", tmp_path / "data", **place) == []
    assert run("prepare", **place) == []
    assert compiled(tmp_path) == everything


def test_quietly(music, tmp_path):
    stamp = prepare._stamp()
    prepare.prepare()
    assert stamp.exists()
    stamp.unlink()
    try:
        assert run("add", music[0], "-q", "--data", tmp_path / "data") == []
        assert stamp.exists()
    finally:
        stamp.touch()


@pytest.fixture
def sources(tmp_path, monkeypatch):
    folder = tmp_path / "core"
    folder.mkdir()
    (folder / "kernel.py").write_text("one")
    monkeypatch.setattr(prepare, "SOURCES", folder)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    return folder


def test_another_source_is_another_stamp(sources):
    before = prepare._stamp()
    assert before.parent == sources / "__pycache__"
    (sources / "kernel.py").write_text("other")
    assert prepare._stamp() != before


def test_the_stamp_lies_where_the_compiled_code_does(sources, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert prepare._stamp().parent == tmp_path / "cache" / "earprint"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "given"))
    assert prepare._stamp().parent == tmp_path / "given"


def test_the_transform_is_that_of_scipy_to_the_bit():
    from scipy import fft

    rows = np.random.default_rng(0).normal(size=(24, 2048)).astype(np.float32)
    np.testing.assert_array_equal(rfft(rows).view(np.uint32), fft.rfft(rows, axis=1).view(np.uint32))


def test_what_is_loaded_quickly_is_whole():
    """Other code finds the libraries as they always are."""
    code = "from core.loading import load_kernels; load_kernels(); import scipy.linalg, numpy as np; print(scipy.linalg.det(np.eye(2)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1.0\n"


def test_a_worker_does_without_the_slow_libraries():
    code = "from core.ingest import _load; _load(); import sys; print(*{'scipy.special', 'scipy.linalg', 'scipy.fft'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


def test_warming_up_needs_no_track(data, tmp_path):
    with Index(tmp_path / "index") as index:
        warm(index)
    with Library(data, readonly=True) as library:
        warm(library.index)
