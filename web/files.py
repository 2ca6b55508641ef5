"""Files that are sent to us: to be learned, or to be identified."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core.library import Library
from stream import Answer, identify
from web.errors import ApiError
from web.uploads import Received, received

T = TypeVar("T")


async def upload(request: Request) -> Response:
    """All files are taken before the first is learned, so that a request that is refused has changed nothing."""
    state, settings = request.state, request.state.settings
    limits = {"file_bytes": settings.upload_bytes, "all_bytes": settings.request_bytes}
    async with received(request, state.incoming, **limits) as files:
        results = [await _work(request, state.library.add_upload, file.path, file.name) for file in files]
    for result in results:
        state.metrics.uploads.labels(result.status).inc()
    learned = {s: [r.track.to_json() for r in results if r.status == s] for s in ("added", "known")}
    failed = [{"name": f.name, "error": r.error} for f, r in zip(files, results, strict=True) if r.status == "failed"]
    return JSONResponse({**learned, "failed": failed})


async def predict(request: Request) -> Response:
    settings = request.state.settings
    limits = {"file_bytes": settings.upload_bytes, "all_bytes": settings.upload_bytes}
    async with received(request, request.state.incoming, **limits) as files:
        if len(files) > 1:
            raise ApiError(400, "too_many_files", "send one file at a time")
        begin = time.perf_counter()
        try:
            answer = await _work(request, _identify, request.state.library, files[0])
        finally:
            if settings.keep_queries:
                await run_in_threadpool(_keep, files[0], settings.data / "query")
        seconds = time.perf_counter() - begin
    request.state.metrics.predict.observe(seconds)
    return JSONResponse({**answer.to_json(), "elapsed_ms": round(1000 * seconds, 1)})


async def _work(request: Request, call: Callable[..., T], *args: object) -> T:
    """Decoding and learning take seconds: they have threads of their own, so that quick requests never wait."""
    return await anyio.to_thread.run_sync(partial(call, *args), limiter=request.state.workers)


def _identify(library: Library, file: Received) -> Answer:
    return identify(library.index, library.ingest.one(file.path, name=file.name, query=True))


def _keep(file: Received, folder: Path) -> None:
    """Moves a query to where the operator wants to have it; the time in front keeps equal names apart."""
    folder.mkdir(parents=True, exist_ok=True)
    file.path.replace(folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{file.name}")
