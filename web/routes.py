"""The page, what operators ask, and the table of all routes. Handlers receive, call the library in a thread, send."""

from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from core.formats import AUDIO_SUFFIXES
from core.library import Library
from core.version import version
from web import files, tracks
from web.errors import ApiError
from web.help import examples
from web.login import login, logout
from web.metrics import CONTENT_TYPE
from web.modules import modules
from web.openapi import description

MODULES = modules()
SUFFIXES = sorted(AUDIO_SUFFIXES)
NO_STATS = {"tracks": 0, "seconds": 0, "bytes": 0}  # for who may not know

templates = Jinja2Templates(directory=Path(__file__).parent / "templates")


async def page(request: Request) -> Response:
    """The page with the first tracks written into it. It takes the options of /tracks, for those without scripts."""
    query = tracks.Query.parse(request)
    access = _access(request)
    context = await run_in_threadpool(_context, request.state.library, query, access)
    asked = {"search": query.search, "sort": query.sort, "access": access, "token": request.state.keys.needed}
    return templates.TemplateResponse(request, "index.html", {**context, **asked, **_server(request)})


def _access(request: Request) -> str:
    """What the visitor may do: change, look (and listen), or only log in: none."""
    if request.state.member:
        return "change"
    return "none" if request.state.settings.private else "look"


def _context(library: Library, query: tracks.Query, access: str) -> dict[str, Any]:
    if access == "none":
        return {**tracks.NOTHING, "stats": NO_STATS, "delay": library.index.params.delay}
    return {**tracks.listing(library, query), "stats": library.index.stats(), "delay": library.index.params.delay}


def _server(request: Request) -> dict[str, Any]:
    """What the page says of this server, whatever is in its library."""
    return {
        "version": version(),
        "ready": request.state.warm.is_set(),
        "modules": MODULES,
        "suffixes": SUFFIXES,
        "demo_tracks": files.DEMO_TRACKS,
        "keep_queries": request.state.settings.keep_queries,
        "examples": examples(str(request.base_url)),
    }


async def stats(request: Request) -> Response:
    return JSONResponse(await run_in_threadpool(request.state.library.index.stats))


async def openapi(request: Request) -> Response:
    return JSONResponse(description(version(), str(request.base_url)))


async def no_upgrade(request: Request) -> Response:
    """Answer a plain request for /listen."""
    raise ApiError(426, "upgrade_required", "connect to /listen with a WebSocket", {"Upgrade": "websocket", "Connection": "Upgrade"})


async def health(request: Request) -> Response:
    return JSONResponse({"status": "ok", "tracks": request.state.library.index.count()})


async def ready(request: Request) -> Response:
    if not request.state.warm.is_set():
        raise ApiError(503, "not_ready", "the engine is still warming up")
    return JSONResponse({"status": "ready", "advice": request.state.library.advice})


async def metrics(request: Request) -> Response:
    return Response(await run_in_threadpool(request.state.metrics.render), media_type=CONTENT_TYPE)


SMALLER = Middleware(GZipMiddleware, compresslevel=6)  # for text; sound does not become smaller

ROUTES = [
    Route("/", page, middleware=[SMALLER]),
    Route("/tracks", tracks.tracks),
    Route("/tracks/{id:track}", tracks.OneTrack),
    Route("/tracks/{id:track}/restore", tracks.restore, methods=["POST"]),
    Route("/tracks/{id:track}/audio", tracks.audio),
    Route("/removed", tracks.removed),
    Route("/tracks/{id:track}/cover", tracks.cover),
    Route("/upload", files.upload, methods=["POST"]),
    Route("/predict", files.predict, methods=["POST"]),
    Route("/login", login, methods=["POST"]),
    Route("/logout", logout, methods=["POST"]),
    Route("/demo", files.demo, methods=["POST"]),
    Route("/listen", no_upgrade),  # the WebSocket has a route of its own
    Route("/stats", stats),
    Route("/openapi.json", openapi),
    Route("/health", health),
    Route("/health/ready", ready),
    Route("/metrics", metrics),
]
