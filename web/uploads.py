"""Multipart bodies to files. A body is never held in memory, and is counted while it arrives."""

import asyncio
import errno
import re
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

import anyio
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from core.text import CONTROL, DIRECTION
from web.errors import ApiError

FIELD = "file"
FORM_BYTES = 64 * 1024  # what boundaries, headers and other fields may add to the files,
HEAD_BYTES = 1024  # and so much more for each: reading tiny parts costs far more than their bytes
NAME_BYTES = 200  # of a file name; file systems allow 255
MOST_FILES = 1_000  # in a request: empty ones cost no bytes, but each has its place on the disk


QUOTED = re.compile(rb'"(?:\\.|[^"\\])*"', re.DOTALL)
EXTENDED_NAME = re.compile(rb"filename\*\s*=\s*(utf-8|iso-8859-1)'[^']*'([^;\s]+)", re.IGNORECASE)
ESCAPED = re.compile(b"%(22|0D|0A)", re.IGNORECASE)


@dataclass(frozen=True)
class Received:
    """A file that has arrived: what the sender calls it, and where it is for now."""

    name: str
    path: Path


@asynccontextmanager
async def received(
    request: Request, place: AbstractContextManager[Path], *, file_bytes: int, all_bytes: int
) -> AsyncIterator[list[Received]]:
    """The `file` parts of a request as files in the folder that `place` yields, which deletes what is still there at the end.

    Raises ApiError: 413 when a file or the whole is too large, 400 when there is no file or no proper multipart body, 408 when it does not
    come on, 507 when the disk is full.
    """
    _check_length(request, all_bytes + FORM_BYTES)
    boundary = _boundary(request)
    async with in_threads(place) as folder:
        form = _Form(boundary, folder, file_bytes)
        try:
            await _read(request, form, all_bytes + FORM_BYTES)
        finally:
            form.close()
        if not form.files:
            raise form.no_file()
        yield form.files


@asynccontextmanager
async def in_threads(place: AbstractContextManager[Path]) -> AsyncIterator[Path]:
    """Enters and leaves in threads, for it may wait for a lock and delete much; leaves it also when the request is cancelled.

    Raises ApiError, 507, when there is no room for it, or for what is written there.
    """
    try:
        folder = await run_in_threadpool(place.__enter__)
        try:
            yield folder
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(place.__exit__, None, None, None)
    except OSError as error:
        raise _disk_full(error) from error


def _check_length(request: Request, limit: int) -> None:
    length = request.headers.get("content-length", "0")
    if not length.isdecimal():
        raise ApiError(400, "bad_length", "Content-Length must be a number")
    if int(length) > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> ApiError:
    return ApiError(413, "too_large", f"at most {limit} bytes are taken")


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise ApiError(400, "no_file", f"send a multipart/form-data body with a field named {FIELD}")
    return options[b"boundary"]


async def _read(request: Request, form: "_Form", limit: int) -> None:
    """Parsing writes to the disk: it runs in a thread, a network chunk at a time."""
    total = 0
    try:
        async for chunk in body_of(request):
            total += len(chunk)
            if total > limit:
                raise _too_large(limit)
            await run_in_threadpool(form.feed, chunk)
    except (ClientDisconnect, FormParserError) as error:
        raise ApiError(400, "bad_multipart", f"the body cannot be read: {str(error) or 'it was cut off'}") from error
    if not form.complete:
        raise ApiError(400, "bad_multipart", "the body ends before its last boundary")


async def body_of(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes. Raises ApiError when nothing comes for too long: who has gone without a word would else stay for ever."""
    chunks, patience = request.stream(), request.state.settings.idle_seconds
    while True:
        try:
            async with asyncio.timeout(patience):
                chunk = await anext(chunks, None)
        except TimeoutError as error:
            raise ApiError(408, "too_slow", f"nothing came for {patience} s", {"Connection": "close"}) from error
        if chunk is None:
            return
        yield chunk


def _disk_full(error: OSError) -> Exception:
    """What to say of an error over writing: of any other than a full disk, that it is our own."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return error
    return ApiError(507, "disk_full", "there is no room left on the server's disk; nothing was taken")


class _Form:
    """Callbacks of the multipart parser: the parts named `file` go to files, all others are skipped, and there may be little of them.

    State: the part's headers as they come, the file that is being written, None between files, and the bytes that went into none.
    """

    def __init__(self, boundary: bytes, folder: Path, file_bytes: int) -> None:
        self.files: list[Received] = []
        self.complete = False
        self._folder, self._limit = folder, file_bytes
        self._header = self._value = self._disposition = b""
        self._file: BinaryIO | None = None
        self._other_bytes = 0
        self._stray = ""  # the name of a field that holds a file and is not ours
        try:
            self._parser = MultipartParser(boundary, self._callbacks())  # type: ignore[arg-type]
        except FormParserError as error:
            raise ApiError(400, "bad_multipart", str(error)) from error

    def _callbacks(self) -> dict[str, object]:
        headers = ("header_field", "header_value", "header_end", "headers_finished")
        names = ("part_begin", *headers, "part_data", "part_end", "end")
        return {f"on_{name}": getattr(self, f"_on_{name}") for name in names}

    def feed(self, data: bytes) -> None:
        """Raises ApiError for too much of a file, or of anything else."""
        self._other_bytes += len(data)
        self._parser.write(data)
        if self._other_bytes > FORM_BYTES + HEAD_BYTES * len(self.files):
            if self._stray and not self.files:
                raise self.no_file()
            raise ApiError(413, "too_large", f"at most {FORM_BYTES} bytes are taken besides files, which are fields named {FIELD}")

    def no_file(self) -> ApiError:
        """Return the error that says where a file is expected."""
        found = f"the file is in the field {self._stray!r}; " if self._stray else ""
        return ApiError(400, "no_file", f"{found}send at least one file, in a multipart field named {FIELD}")

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def _on_part_begin(self) -> None:
        self._disposition = b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = _file_name(self._disposition, options.get(b"filename", b""))  # empty when a browser's form was sent with no file chosen
        field = options.get(b"name", b"")
        if field == FIELD.encode() and name:
            self._open(clean_name(name))
        elif name:
            self._stray = clean_name(field)

    def _open(self, name: str) -> None:
        if len(self.files) == MOST_FILES:
            raise ApiError(413, "too_many_files", f"at most {MOST_FILES} files are taken in a request")
        folder = self._folder / str(len(self.files))  # two files may have the same name
        folder.mkdir()
        self.files.append(Received(name, folder / name))
        self._file = (folder / name).open("wb")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file:
            if self._file.tell() + end - start > self._limit:
                raise _too_large(self._limit)
            self._file.write(data[start:end])
            self._other_bytes -= end - start

    def _on_part_end(self) -> None:
        self.close()

    def _on_end(self) -> None:
        self.complete = True


def _file_name(disposition: bytes, plain: bytes) -> bytes:
    """Return a part's file name in UTF-8: the extended one (RFC 5987), else the plain one, in which browsers escape three characters."""
    found = EXTENDED_NAME.search(QUOTED.sub(b'""', disposition))
    if found:
        with suppress(LookupError, UnicodeDecodeError):
            return unquote_to_bytes(found[2]).decode(found[1].decode("ascii")).encode()
    return ESCAPED.sub(lambda match: unquote_to_bytes(match[0]), plain)


def clean_name(raw: bytes) -> str:
    """A sender's file name as one that is safe to write: the base name, on one line, not too long, with its suffix."""
    text = raw.decode("utf-8", "replace")
    base = re.split(r"[/\\]", text)[-1]
    stem, dot, suffix = DIRECTION.sub("_", CONTROL.sub("_", base)).strip().rpartition(".")
    name = f"{_cut(stem, NAME_BYTES - 20)}{dot}{_cut(suffix, 20 if dot else NAME_BYTES)}"
    return name if name.strip(". ") else "unnamed"


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode("utf-8", "ignore")
