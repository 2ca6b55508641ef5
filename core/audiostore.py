"""The audio that a library keeps: a folder of files under content-hash names, which are whole from the moment they have them.

Who adds holds a lock on the data folder together with others who do; who sweeps wants it alone, and leaves it at that when he cannot.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from core.errors import AudioError
from core.ingest import file_sha256

AUDIO_SUFFIXES = {
    *(".wav", ".w64", ".aif", ".aiff", ".flac", ".mp3", ".ogg", ".oga", ".opus"),
    *(".aac", ".m4a", ".m4b", ".mp4", ".webm", ".mka", ".wma"),
}
SHA256_DIGITS = 64


class AudioStore:
    """Audio files in `folder`, named by the SHA-256 of what is in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str, filename: str) -> Path:
        """Where a file is, or would be."""
        suffix = Path(filename).suffix.lower()
        return self.folder / (sha256 + (suffix if suffix in AUDIO_SUFFIXES else ""))

    def keep(self, source: str, sha256: str, filename: str, transfer: Callable[[str, str], object]) -> Path:
        """Brings a file in (`transfer`: copy or move), under a passing name first. Raises AudioError when it cannot be kept."""
        target = self.path(sha256, filename)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=self.folder, prefix=".") as passing:
                arrived = Path(passing) / target.name
                transfer(source, str(arrived))
                if file_sha256(arrived) != sha256:
                    raise AudioError(f"{filename}: changed while it was read; add it again")
                _sync(arrived)
                arrived.replace(target)
            _sync(self.folder)
        except OSError as error:
            raise AudioError(f"{filename}: cannot be kept in {self.folder} ({error.strerror})") from error
        return target

    def sweep(self, is_known: Callable[[str], bool], before: float) -> None:
        """Deletes what a crash left: passing names, and files whose SHA-256 no track has, if they are from before `before` (Unix time)."""
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if not is_known(path.name[:SHA256_DIGITS]) and path.stat().st_mtime < before:
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()


@contextmanager
def adding(lock: Path) -> Iterator[None]:
    """Holds the lock together with others who add; waits while somebody sweeps."""
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def alone(lock: Path) -> Iterator[bool]:
    """Yields whether nobody is adding, and keeps it so."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _sync(path: Path) -> None:
    """Waits until a file, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
