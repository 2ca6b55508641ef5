"""Files on the disk: whether they can be read, what to call them, and how to be sure that they are stored."""

import os
import resource
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from core.errors import AudioError, StorageError

COPY_BYTES = 1 << 20  # read at a time
MAP_SIZE = 1 << 40  # bytes of address space that an index takes; its file grows as needed


def check_address_space() -> None:
    """Raise StorageError when this process may not have the address space that an index takes."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit <= MAP_SIZE:
        raise StorageError(
            f"this process may use no more than {limit >> 20:,} MiB of address space, which is too little to map an index into memory: "
            "lift the limit with `ulimit -v unlimited`, and bound the memory by other means"
        )


def sync(path: Path) -> None:
    """Waits until a file's content, or the names in a folder, are on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Turn an OSError over reading the file that errors call `name` into an AudioError, which costs this file alone."""
    try:
        yield
    except FileNotFoundError as error:
        raise AudioError(f"{name}: there is no such file, or not any more") from error
    except OSError as error:
        raise AudioError(f"{name}: cannot be read ({error.strerror or error})") from error


def check_file(path: str | Path, name: str) -> None:
    """Raise AudioError when the file is missing, no regular file, unreadable, or empty."""
    with readable(name):
        try:
            kind = Path(path).stat().st_mode
        except ValueError as error:  # a NUL character
            raise AudioError(f"{name}: no file can have this name") from error
        if not stat.S_ISREG(kind):
            raise AudioError(f"{name}: is not a file that can be read; name an audio file")
        with Path(path).open("rb") as file:
            if not file.read(1):
                raise AudioError(f"{name}: is empty")


def is_folder(path: str | Path) -> bool:
    """Return whether this is a folder; False also where that cannot be found out: opening it will say why."""
    try:
        return stat.S_ISDIR(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return False


def is_readable_file(path: str | Path) -> bool:
    """Return whether this is a regular file that this process may read."""
    try:
        return stat.S_ISREG(Path(path).stat().st_mode) and os.access(path, os.R_OK)
    except (OSError, ValueError):
        return False


def is_missing(path: str | Path) -> bool:
    """Return whether there is no regular file here; False where that cannot be found out."""
    try:
        return not stat.S_ISREG(Path(path).stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return True
    except OSError:
        return False


def state_of(path: str | Path) -> tuple[int, int, int, int]:
    """Return what differs when another file has taken the path, or its bytes have changed. Raises OSError."""
    found = Path(path).stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def copy_file(source: str, target: str, name: str) -> None:
    """Copy bytes. Raises AudioError for a source that cannot be read, which errors call `name`, and OSError for the target."""
    with readable(name):
        file = Path(source).open("rb")  # noqa: SIM115 (the target's errors are others)
    with file, Path(target).open("wb") as copy:
        shutil.copyfileobj(_Readable(file, name), copy, COPY_BYTES)


def move_file(source: str, target: str, name: str) -> None:
    """Move a file, which errors call `name`. Raises AudioError when it is gone, and OSError for the target."""
    if not os.path.lexists(source):
        raise AudioError(f"{name}: there is no such file, or not any more")
    shutil.move(source, target)


class _Readable:
    """The `read` of a file, with its OSErrors as AudioErrors."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name

    def read(self, size: int = -1, /) -> bytes:
        with readable(self._name):
            return self._file.read(size)


def display_name(source: str | Path | BinaryIO) -> str:
    """A name that can be printed, also of a file whose name is not valid UTF-8."""
    if not isinstance(source, str | Path):
        return "the sound"
    return os.fsencode(source).decode("utf-8", "replace")
