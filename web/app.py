"""Puts the server together. `uvicorn web.app:app` takes its settings from the environment, `create_app` any."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import anyio.to_thread
import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles

from core.library import Library
from core.tracks import SORTS
from stream import recognize
from web.auth import Keys
from web.errors import HANDLERS
from web.guard import Guard
from web.headers import Headed
from web.limits import Listeners, Rate
from web.live import Audience, Ears, listen
from web.logs import Logged
from web.metrics import Metrics
from web.monitor import watch
from web.routes import ROUTES, SMALLER
from web.settings import Settings, misspelt
from web.sharing import Shared
from web.turns import Turns

logger = logging.getLogger("earprint.web")

WARM_SECONDS, WARM_RATE = 3, 48_000  # of noise: enough to go through resampling, peaks, hashes and look-up once
QUIET_SECONDS = 30.0  # for threads to end; `earprint serve` does not wait so long
FRESH = "no-cache"  # our own files: asked for again each time, answered with 304
LASTING = "public, max-age=86400"  # Bootstrap's: a day


class CachedFiles(StaticFiles):
    """Static files with a Cache-Control header, which Starlette leaves to others."""

    def __init__(self, package: str, folder: str, cache: str) -> None:
        super().__init__(packages=[(package, folder)])
        self._cache = cache

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = self._cache
        return response


def create_app(settings: Settings | None = None) -> Starlette:
    """The application. Without `settings` the environment is read when it starts, not when it is made."""

    def lifespan(app: Starlette) -> AbstractAsyncContextManager[dict[str, Any]]:
        return _lifespan(settings or _from_environment())

    routes = [
        *ROUTES,
        WebSocketRoute("/listen", listen),
        Mount("/static", CachedFiles("web", "static", FRESH), name="static", middleware=[SMALLER]),
        Mount("/vendor", CachedFiles("bootstrap_wrapper", "../bootstrap", LASTING), name="vendor", middleware=[SMALLER]),
    ]
    middleware = [Middleware(layer) for layer in (Headed, Shared, Logged, Guard)]
    return Starlette(routes=routes, middleware=middleware, exception_handlers=HANDLERS, lifespan=lifespan)


def _from_environment() -> Settings:
    for sentence in misspelt():
        logger.warning(sentence)
    return Settings.from_env()


@asynccontextmanager
async def _lifespan(settings: Settings) -> AsyncIterator[dict[str, Any]]:
    """Opens what all requests share. The engine warms up meanwhile, so that /health answers at once."""
    library = await run_in_threadpool(_library, settings)
    warm = asyncio.Event()
    warming = asyncio.create_task(_warm(library, warm))
    shared: dict[str, Any] = {"settings": settings, "library": library, "warm": warm} | _shared(settings, library)
    watching = asyncio.create_task(watch(shared["metrics"].loop_late))
    yield shared
    watching.cancel()
    await run_in_threadpool(library.ingest.close)  # a file that is being decoded is given up: nothing of it is kept
    if await _quiet(shared, warming):
        await run_in_threadpool(library.close)


async def _quiet(shared: Mapping[str, Any], warming: "asyncio.Task[None]") -> bool:
    """Waits until no thread uses the index any more, which cannot be closed before. False when that takes too long."""
    limiters = [anyio.to_thread.current_default_thread_limiter(), shared["edits"]]
    turns = [shared["learning"], shared["identifying"]]
    with suppress(TimeoutError):
        async with asyncio.timeout(QUIET_SECONDS):
            await asyncio.to_thread(shared["ears"].close)
            while not warming.done() or any(it.working for it in turns) or any(it.borrowed_tokens for it in limiters):
                await asyncio.sleep(0.01)
            return True
    logger.warning("something is still running; what it has not committed is lost")
    return False


def _library(settings: Settings) -> Library:
    return Library(settings.data, jobs=settings.decodes)


def _shared(settings: Settings, library: Library) -> dict[str, Any]:
    cores = os.cpu_count() or 1
    ears = max(1, cores // settings.workers)  # more would only keep each other, and the event loop, from the interpreter
    return {
        **doors_of(settings),
        "metrics": Metrics(library.index.stats),
        "ears": Ears(ears),
        "audience": Audience(),
        "identifying": Turns(settings.decodes, settings.decodes_waiting),
        "learning": Turns(settings.decodes, settings.decodes_waiting),  # its own, as who writes may have to wait for long, as for `rebuild`
        "edits": anyio.CapacityLimiter(1),  # of whom the index takes one at a time
    }


def doors_of(settings: Settings) -> dict[str, Any]:
    """What decides who comes in."""
    return {
        "keys": Keys(settings.token),
        "requests": Rate(settings.share(settings.requests_per_minute)),
        "work": Rate(settings.share(settings.work_per_minute)),
        "listeners": Listeners(settings.share(settings.listeners), settings.share(settings.address_listeners)),
    }


async def _warm(library: Library, warm: asyncio.Event) -> None:
    """Sorts the tracks and recognises noise once, so that no visitor has to wait for reading all rows, imports and compilation."""
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, WARM_SECONDS * WARM_RATE).astype(np.float32)
    try:
        for sort in SORTS:
            await run_in_threadpool(library.index.tracks, sort=sort, limit=0)
        await run_in_threadpool(recognize, library.index, noise, WARM_RATE)
        if advice := library.advice:
            logger.warning(advice)
        warm.set()
    except Exception:
        logger.exception("the engine does not warm up")


app = create_app()
