"""Disks that are full: a small file system in memory, which only root may mount."""

import shutil
import subprocess
from contextlib import contextmanager

import pytest


@contextmanager
def full_disk(folder, size):
    """A disk of `size` bytes at `folder`. Skips the test where nothing can be mounted."""
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no small disk can be mounted here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def grow(folder, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)


def fill(folder, leave=0):
    """Leaves about `leave` bytes of room."""
    size = shutil.disk_usage(folder).free - leave
    with (folder / "filling").open("wb") as file:
        try:
            while size > 0:
                size -= file.write(bytes(min(size, 4096)))
            file.flush()
        except OSError:  # full already
            pass


def freeze(folder):
    """Make the disk one that may only be read."""
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
