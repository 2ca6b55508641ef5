"""The page, what operators ask, and the table of all routes. Handlers receive, call the library in a thread, send."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from core.library import Library
from web import files, tracks
from web.errors import ApiError
from web.login import login, logout
from web.metrics import CONTENT_TYPE

templates = Jinja2Templates(directory=Path(__file__).parent / "templates")


async def page(request: Request) -> Response:
    """The page with the first tracks written into it. It takes the options of /tracks, for those without scripts."""
    query = tracks.Query.parse(request)
    access = _access(request)
    context = await run_in_threadpool(_context, request.state.library, query, access)
    asked = {"search": query.search, "sort": query.sort, "access": access, "token": request.state.keys.needed}
    return templates.TemplateResponse(request, "index.html", {**context, **asked})


def _access(request: Request) -> str:
    """What the visitor may do: change, look (and listen), or only log in: none."""
    if request.state.member:
        return "change"
    return "none" if request.state.settings.private else "look"


def _context(library: Library, query: tracks.Query, access: str) -> dict[str, Any]:
    index = library.index
    listing = tracks.NOTHING if access == "none" else tracks.listing(library, query)
    hours = index.stats()["seconds"] / 3600 if access != "none" else 0
    return {**listing, "hours": hours, "delay": index.params.delay, "version": _version()}


def _version() -> str:
    try:
        return package_version("earprint")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "development"


async def health(request: Request) -> Response:
    return JSONResponse({"status": "ok", "tracks": request.state.library.index.count()})


async def ready(request: Request) -> Response:
    if not request.state.warm.is_set():
        raise ApiError(503, "not_ready", "the engine is still warming up")
    return JSONResponse({"status": "ready"})


async def metrics(request: Request) -> Response:
    return Response(await run_in_threadpool(request.state.metrics.render), media_type=CONTENT_TYPE)


ROUTES = [
    Route("/", page),
    Route("/tracks", tracks.tracks),
    Route("/tracks/{id:int}", tracks.OneTrack),
    Route("/tracks/{id:int}/restore", tracks.restore, methods=["POST"]),
    Route("/tracks/{id:int}/audio", tracks.audio),
    Route("/upload", files.upload, methods=["POST"]),
    Route("/predict", files.predict, methods=["POST"]),
    Route("/login", login, methods=["POST"]),
    Route("/logout", logout, methods=["POST"]),
    Route("/health", health),
    Route("/health/ready", ready),
    Route("/metrics", metrics),
]
