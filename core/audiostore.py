"""The audio that a library keeps: a folder of files under content-hash names, which are whole from the moment they have them.

Who writes holds a lock on the data folder together with others who do, from before the first byte until the index knows of it. Who sweeps
wants it alone, and leaves it at that when he cannot. So what is swept is on nobody's way, however old or young it is.
"""

import fcntl
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from core.disk import sync
from core.errors import AudioError, StorageError
from core.formats import AUDIO_SUFFIXES
from core.ingest import file_sha256

ADVICE = "make room on its disk, or see who may write there, then try again"
PASSING = ".passing-"  # begins the names of folders in which files arrive
KEPT = re.compile(r"([0-9a-f]{64})(\.\w+)?")


class AudioStore:
    """Audio files in `folder`, named by the SHA-256 of what is in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str, filename: str) -> Path:
        """Where a file is, or would be."""
        suffix = Path(filename).suffix.lower()
        return self.folder / (sha256 + (suffix if suffix in AUDIO_SUFFIXES else ""))

    def keep(self, source: str, sha256: str, filename: str, transfer: Callable[[str, str, str], object]) -> Path:
        """Bring a file in (`transfer`: `disk.copy_file` or `disk.move_file`), under a passing name first.

        Raises AudioError for what is wrong with the file, StorageError for what is wrong with this folder.
        """
        target = self.path(sha256, filename)
        try:
            self._make_folder()
            with TemporaryDirectory(dir=self.folder, prefix=PASSING) as passing:
                arrived = Path(passing) / target.name
                transfer(source, str(arrived), filename)
                if file_sha256(arrived) != sha256:
                    raise AudioError(f"{filename}: changed while it was read; add it again")
                sync(arrived)
                arrived.replace(target)
            sync(self.folder)
        except OSError as error:
            raise StorageError(f"{self.folder} cannot keep audio ({error.strerror}): {ADVICE}") from error  # logged, so without a name
        return target

    def _make_folder(self) -> None:
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            sync(self.folder.parent)

    def orphans(self, is_known: Callable[[str], bool]) -> Iterator[Path]:
        """What a crash left: passing names, and audio whose SHA-256 no track has. Other files are not ours."""
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            kept = KEPT.fullmatch(path.name)
            if path.name.startswith(PASSING) or (kept and not is_known(kept[1])):
                yield path


def delete(path: Path) -> None:
    """A file, or a folder with what is in it."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


@contextmanager
def shared(lock: Path) -> Iterator[None]:
    """Holds the lock together with others who write; waits while somebody sweeps."""
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def alone(lock: Path) -> Iterator[bool]:
    """Yields whether nobody is writing, and keeps it so."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
