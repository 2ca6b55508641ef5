"""Imported by the process that the writers of `crashes` are forked from: they begin with everything imported and compiled.

A writer that is killed after a second would else have spent most of it on that.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.writing import Given, Songs
from core.library import Library

with TemporaryDirectory(prefix="warm-") as name, Library(Path(name) / "data") as library:
    songs = Songs(Path(name))
    library.ingest = Given(songs.analyses)  # type: ignore[assignment]
    list(library.add([songs.write(Path(name), 0)], copy=True))
