"""Lists of files: a path a line, paths between NUL characters, or playlists (M3U)."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote_to_bytes

from core.errors import EarprintError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
PLAYLIST = b"#EXTM3U"
PLAYLIST_SUFFIXES = (".m3u", ".m3u8")
ADDRESS = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]+://")
FILE_ADDRESS = re.compile(rb"file://(localhost)?(?=/)", re.IGNORECASE)


def listed(source: str, null: bool) -> list[str]:
    """Return the paths that a list names; "-" is stdin. null: they stand between NUL characters, as `find -print0` writes them.

    A playlist is known by its suffix or its first line. Its comments are skipped, and its paths are relative to it. Raises EarprintError.
    """
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise EarprintError(f"{source}: cannot be read as a list of files: {reason}") from error
    if null:
        return [os.fsdecode(path) for path in data.split(b"\0") if path]
    lines = [line for line in data.removeprefix(BYTE_ORDER_MARK).splitlines() if line]
    if not (source.lower().endswith(PLAYLIST_SUFFIXES) or lines[:1] == [PLAYLIST]):
        return [os.fsdecode(line) for line in lines]
    folder = Path() if source == "-" else Path(source).parent
    return [_entry(line, folder) for line in lines if line.strip() and not line.lstrip().startswith(b"#")]


def _entry(line: bytes, folder: Path) -> str:
    """Return the first reading of a playlist's line that names something that is there; else the first of all."""
    if ADDRESS.match(line) and not FILE_ADDRESS.match(line):
        return os.fsdecode(line)
    paths = [str(folder / reading) for reading in _readings(line)]
    return next(filter(os.path.exists, paths), paths[0])


def _readings(line: bytes) -> Iterator[str]:
    """Yield how a line may be meant: players write addresses, the separators of Windows, and its encoding."""
    for text in (line, line.strip()):
        path = unquote_to_bytes(FILE_ADDRESS.sub(b"", text)) if FILE_ADDRESS.match(text) else text
        yield os.fsdecode(path)
        yield os.fsdecode(path.replace(b"\\", b"/"))
        with suppress(UnicodeDecodeError):
            yield path.decode("cp1252").replace("\\", "/")
