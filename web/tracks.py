"""The tracks: list, edit, remove, restore, and hear them."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio.to_thread
from starlette.concurrency import run_in_threadpool
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.endpoints import HTTPEndpoint
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response

from core.covers import MEDIA_TYPE
from core.errors import MissingError
from core.formats import MEDIA_TYPES
from core.index import Track
from core.library import Library
from web.errors import ApiError
from web.uploads import body_of

PAGE_LIMIT, MAX_LIMIT = 50, 200  # tracks in one answer
SORTS = ("added", "title", "artist", "album", "duration")
EDITABLE = ("title", "artist", "album")
BODY_BYTES = 64 * 1024  # of what is not a file
TEXT_CHARACTERS = 1_000  # of a title, artist or album
SURROGATES = re.compile("[\ud800-\udfff]")
NOTHING: dict[str, Any] = {"tracks": [], "next": None, "total": 0}
MAX_ID = 2**63 - 1
BYTES = "application/octet-stream"  # of what is in no table: never something that a browser would run


@dataclass(frozen=True)
class Query:
    """Which tracks are asked for."""

    search: str
    sort: str
    limit: int
    after: str | None

    @classmethod
    def parse(cls, request: Request) -> "Query":
        given = request.query_params
        sort, limit = given.get("sort") or SORTS[0], given.get("limit") or str(PAGE_LIMIT)
        if sort not in SORTS:
            raise ApiError(400, "bad_sort", f"sort must be one of {', '.join(SORTS)}, not {sort!r}")
        if not (limit.isdecimal() and len(limit) < 10 and 1 <= int(limit) <= MAX_LIMIT):
            raise ApiError(400, "bad_limit", f"limit must be a whole number from 1 to {MAX_LIMIT}, not {limit!r}")
        return cls(given.get("search", ""), sort, int(limit), given.get("after") or None)


async def tracks(request: Request) -> Response:
    return JSONResponse(await run_in_threadpool(listing, request.state.library, Query.parse(request)))


def listing(library: Library, query: Query) -> dict[str, Any]:
    found = library.index.tracks(search=query.search, sort=query.sort, limit=query.limit, after=query.after)
    return {"tracks": [track.to_json() for track in found.tracks], "next": found.next, "total": found.total}


class TrackNumber(IntegerConvertor):
    """In paths. Starlette's own takes any number of digits, of which Python reads 4,300: more would be an error of ours."""

    regex = f"[0-9]{{1,{len(str(MAX_ID))}}}"


register_url_convertor("track", TrackNumber())


class OneTrack(HTTPEndpoint):
    """/tracks/{id}"""

    async def get(self, request: Request) -> Response:
        found = await run_in_threadpool(request.state.library.index.track, _id(request))
        return JSONResponse(found.to_json())

    async def patch(self, request: Request) -> Response:
        changes = _changes(await small_body(request))
        edited = await _edit(request, partial(request.state.library.edit, **changes))
        return JSONResponse(edited.to_json())

    async def delete(self, request: Request) -> Response:
        await _edit(request, request.state.library.remove)
        return Response(status_code=204)


async def removed(request: Request) -> Response:
    """List the tracks that can be restored, those removed last first."""
    found = await run_in_threadpool(request.state.library.index.removed)
    found.sort(key=lambda gone: gone.at, reverse=True)
    return JSONResponse({"tracks": [{"track": gone.track.to_json(), "removed": gone.at} for gone in found]})


async def restore(request: Request) -> Response:
    restored = await _edit(request, request.state.library.restore)
    return JSONResponse(restored.to_json())


async def _edit(request: Request, change: Callable[[int], Track]) -> Track:
    """Not in one of the threads that all who read share: it may have to wait for another writer, such as `rebuild`."""
    return await anyio.to_thread.run_sync(change, _id(request), limiter=request.state.edits)


def _id(request: Request) -> int:
    number: int = request.path_params["id"]
    if not 1 <= number <= MAX_ID:
        raise MissingError(f"no track has the number {number}")
    return number


async def small_body(request: Request) -> bytes:
    """Raises ApiError for one that is too large, cut off, or does not come on."""
    body = bytearray()
    try:
        async for chunk in body_of(request):
            body += chunk
            if len(body) > BODY_BYTES:
                raise ApiError(413, "too_large", f"at most {BODY_BYTES} bytes are taken")
    except ClientDisconnect as error:
        raise ApiError(400, "bad_body", "the body was cut off") from error
    return bytes(body)


def _changes(body: bytes) -> dict[str, str]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "bad_json", "the body must be JSON") from error
    if not isinstance(given, dict) or not given or not given.keys() <= set(EDITABLE):
        raise ApiError(400, "bad_edit", f"the body must be an object with any of {', '.join(EDITABLE)}")
    if not all(_is_text(value) for value in given.values()):
        raise ApiError(400, "bad_edit", f"each value must be text of at most {TEXT_CHARACTERS} characters")
    return given


def _is_text(value: object) -> bool:
    """JSON can hold half a surrogate pair, which no answer could send again."""
    return isinstance(value, str) and len(value) <= TEXT_CHARACTERS and not SURROGATES.search(value)


async def audio(request: Request) -> Response:
    """The sound of a track, whole or in ranges. What an index was made from may have moved away since."""
    library = request.state.library
    track = await run_in_threadpool(library.index.track, _id(request))
    path = await run_in_threadpool(library.audio_path, track)
    if path is None:
        raise ApiError(404, "audio_missing", f"the audio of track {track.id} is not there any more")
    kind = MEDIA_TYPES.get(path.suffix.lower(), BYTES)
    return FileResponse(path, media_type=kind, filename=track.filename, content_disposition_type="inline")


async def cover(request: Request) -> Response:
    """Send a track's cover. Its hash is its version: a client that has it is told so."""
    library = request.state.library
    track = await run_in_threadpool(library.index.track, _id(request))
    path = await run_in_threadpool(library.cover_path, track)
    if path is None:
        raise ApiError(404, "cover_missing", f"track {track.id} has no cover")
    headers = {"ETag": f'"{track.cover}"', "Cache-Control": "private, no-cache"}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return FileResponse(path, media_type=MEDIA_TYPE, headers=headers)
