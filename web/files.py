"""Files that are sent to us: to be learned, or to be identified."""

import time
from datetime import UTC, datetime
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core.demo import write_demo
from core.errors import StorageError, VersionError
from core.library import Added
from stream import Answer, identify
from web.errors import ApiError, told
from web.uploads import Received, in_threads, received

DEMO_TRACKS, DEMO_SECONDS = 8, 30.0  # each


async def upload(request: Request) -> Response:
    """All files are taken before the first is learned, so that a request that is refused has changed nothing."""
    settings = request.state.settings
    limits = {"file_bytes": settings.upload_bytes, "all_bytes": settings.request_bytes}
    request.state.learning.check()
    async with received(request, request.state.library.arriving(), **limits) as files:
        return await _learn_all(request, files)


async def demo(request: Request) -> Response:
    """Adds the demo tracks, as if somebody had sent them."""
    turns = request.state.learning
    async with in_threads(request.state.library.arriving()) as folder:
        with turns.place():
            paths = await turns.run(write_demo, folder, DEMO_TRACKS, DEMO_SECONDS)
        return await _learn_all(request, [Received(path.name, path) for path in paths])


async def _learn_all(request: Request, files: list[Received]) -> Response:
    state = request.state
    with state.learning.place():
        results = await _learn_each(request, files)
    for result in results:
        state.metrics.uploads.labels(result.status).inc()
    learned = {s: [r.track.to_json() for r in results if r.track and r.status == s] for s in ("added", "known")}
    failed = [{"name": f.name, "error": r.error} for f, r in zip(files, results, strict=True) if r.status == "failed"]
    return JSONResponse({**learned, "failed": failed})


async def _learn_each(request: Request, files: list[Received]) -> list[Added]:
    """What became of each. Where the library fails when something is added already, which has to be told, the rest has failed."""
    results: list[Added] = []
    try:
        for file in files:
            results.append(await request.state.learning.run(_learn, request, file))
    except (StorageError, VersionError) as error:
        if all(result.status != "added" for result in results):
            raise
        reason = told(error)
        results += [Added(file.name, "failed", None, reason) for file in files[len(results) :]]
    return results


async def predict(request: Request) -> Response:
    settings = request.state.settings
    limits = {"file_bytes": settings.upload_bytes, "all_bytes": settings.upload_bytes}
    turns = request.state.identifying
    turns.check()
    async with received(request, request.state.library.arriving(), **limits) as files:
        if len(files) > 1:
            raise ApiError(400, "too_many_files", "send one file at a time")
        begin = time.perf_counter()
        try:
            with turns.place():
                answer = await turns.run(_identify, request, files[0])
        finally:
            if settings.keep_queries:
                await run_in_threadpool(_keep, files[0], settings.data / "query")
        seconds = time.perf_counter() - begin
    request.state.metrics.predict.observe(seconds)
    request.state.metrics.lookups.labels("file").inc()
    return JSONResponse({**answer.to_json(), "elapsed_ms": round(1000 * seconds, 1)})


def _learn(request: Request, file: Received) -> Added:
    state = request.state
    added: Added = state.library.add_upload(file.path, file.name, max_seconds=state.settings.upload_seconds)
    return added


def _identify(request: Request, file: Received) -> Answer:
    library, settings = request.state.library, request.state.settings
    analysis = library.ingest.one(file.path, name=file.name, query=True, max_seconds=settings.upload_seconds)
    return identify(library.index, analysis, settings.file_effort)


def _keep(file: Received, folder: Path) -> None:
    """Moves a query to where the operator wants to have it; the time in front keeps equal names apart."""
    folder.mkdir(parents=True, exist_ok=True)
    file.path.replace(folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{file.name}")
