"""Compile ahead. The engine's kernels are compiled for this processor when they are first called, a quarter of a minute for all of them,
and kept on disk. `prepare` calls all of them once, so that nobody who adds, identifies or listens waits for that.

A stamp beside the compiled code says for which sources, versions and processor that is done. It lies where numba keeps its code.
"""

import hashlib
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent.parent / "core"
COMPILATIONS = 100  # about, of all kernels for all their types: for the progress
SEED, SECONDS = 1, 12.0  # of the demo music that is learned and recognised
QUERY_SECONDS = 6.0
FASTER = 1.04  # a query that only a look-up with warps finds
PACKAGES = ("numba", "llvmlite", "numpy")
CPU_FACTS = ("model name", "flags")


def is_prepared() -> bool:
    """Return whether all kernels have been compiled for these sources, versions and this processor. Imports nothing heavy."""
    return _stamp().exists()


def prepare(progress: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Compile all kernels that are not compiled yet. `progress` is called with the compilations done, and about how many there are."""
    with _counted(progress):
        _use_all()
    with suppress(OSError):  # where nothing can be kept, there is nothing to say so either
        _stamp().parent.mkdir(parents=True, exist_ok=True)
        _stamp().touch()


def _use_all() -> None:
    """Learn a track, and recognise it plain and faster, at once and as a stream."""
    import tempfile

    import numpy as np
    import soxr

    from core.constellation import reference
    from core.demo import demo_track
    from core.duplicates import copies
    from core.fingerprinter import Fingerprinter
    from core.index import Index, NewTrack
    from stream.recognizer import Recognizer, recognize

    with tempfile.TemporaryDirectory(prefix="earprint-") as folder, Index(Path(folder) / "index") as index:
        rate = index.params.sample_rate
        pcm = demo_track(SEED, SECONDS, rate)
        for number in range(2):  # the second is merged with the first
            printer = Fingerprinter(index.params, rate)
            peaks = reference(np.concatenate([printer.feed(pcm), printer.finish()]), index.params)
            index.add([(NewTrack("", "", "", SECONDS, "", f"{number:064}", ""), peaks)])
        middle = pcm[rate : rate + round(QUERY_SECONDS * rate)]
        for query in (middle, soxr.resample(middle, FASTER, 1.0)):
            recognize(index, query, rate)
            recognizer = Recognizer(index, rate, constellation=True)
            recognizer.feed(query)
            recognizer.finish()
        copies(index, 1)
        index.remove(2)
        list(index.check())


@contextmanager
def _counted(progress: Callable[[int, int], None]) -> Iterator[None]:
    """Report each kernel that is compiled meanwhile."""
    from numba.core import event

    class Listener(event.Listener):
        done = 0

        def on_start(self, event: Any) -> None:
            pass

        def on_end(self, event: Any) -> None:
            self.done += 1
            progress(min(self.done, COMPILATIONS), COMPILATIONS)

    with event.install_listener("numba:compile", Listener()):
        yield


def _stamp() -> Path:
    files = [Path(spec.origin) for spec in map(find_spec, PACKAGES) if spec and spec.origin]
    files += sorted(SOURCES.glob("*.py"))
    facts = [sys.version, platform.machine(), *_processor()]
    facts += [f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}" for path in files]
    return _folder() / f"earprint-{hashlib.sha256(repr(facts).encode()).hexdigest()[:16]}.prepared"


def _processor() -> list[str]:
    """Return what Linux says of the first core; nothing elsewhere."""
    with suppress(OSError), Path("/proc/cpuinfo").open() as lines:
        found = [line for line in lines if line.startswith(CPU_FACTS)]
        return found[: len(CPU_FACTS)]
    return []


def _folder() -> Path:
    """Return where numba keeps compiled code: in the folder that is set, else beside the sources, else with the user's caches."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return Path(given)
    beside = SOURCES / "__pycache__"
    if os.access(beside if beside.exists() else SOURCES, os.W_OK):
        return beside
    from platformdirs import user_cache_path

    return user_cache_path("earprint", appauthor=False)
