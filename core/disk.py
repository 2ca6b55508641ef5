"""Files on the disk: whether they can be read, what to call them, and what it takes to know that something is there."""

import os
import resource
from pathlib import Path
from typing import BinaryIO

from core.errors import AudioError, StorageError

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


def check_file(path: str | Path, name: str) -> None:
    """AudioError when the file is missing, no regular file, or unreadable."""
    try:
        if not Path(path).exists():
            raise AudioError(f"{name}: there is no such file")
        if not Path(path).is_file():
            raise AudioError(f"{name}: is not a file that can be read; name an audio file")
        with Path(path).open("rb") as file:
            if not file.read(1):
                raise AudioError(f"{name}: is empty")
    except OSError as error:
        raise AudioError(f"{name}: cannot be read ({error.strerror})") from error


def display_name(source: str | Path | BinaryIO) -> str:
    """A name that can be printed, also of a file whose name is not valid UTF-8."""
    if not isinstance(source, str | Path):
        return "the sound"
    return os.fsencode(source).decode("utf-8", "replace")
