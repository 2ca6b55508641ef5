"""Music in folders: which files are taken, and which are left out."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.disk import is_folder
from core.formats import AUDIO_SUFFIXES

# What systems leave beside music. All else may be music, also where its name begins with a dot: ".38 Special".
OF_SYSTEMS = re.compile(r"(?is)\._.*|\.AppleDouble|@eaDir|#recycle|\$RECYCLE\.BIN|\.Trash.*|System Volume Information")


def audio_files(paths: Iterable[str | Path], left_out: Counter[str] | None = None) -> Iterator[str]:
    """Yield the files named, whatever they are, and those with the suffix of an audio file in the folders named, sorted.

    left_out: counts what is left out of folders, by suffix, or by name where there is none or a system gave it.
    """
    for path in paths:
        if is_folder(path):
            yield from _audio_files_in(Path(path), frozenset(), Counter() if left_out is None else left_out)
        else:
            yield str(path)


def _audio_files_in(folder: Path, above: frozenset[Path], left_out: Counter[str]) -> Iterator[str]:
    """above: the folders that this one is in. A link to one of them would never end."""
    here = Path(os.path.realpath(folder))
    try:
        entries = sorted(folder.iterdir()) if here not in above else []
    except OSError:
        yield str(folder)  # fails as a file would, and the rest goes on
        return
    for entry in entries:
        if OF_SYSTEMS.fullmatch(entry.name):
            left_out["._*" if entry.name.startswith("._") else entry.name] += 1
        elif is_folder(entry):
            yield from _audio_files_in(entry, above | {here}, left_out)
        elif entry.suffix.lower() in AUDIO_SUFFIXES:
            yield str(entry)
        else:
            left_out[entry.suffix.lower() or entry.name] += 1
