"""Logs for programs: an object a line, with the number of the request that it is about; a plain line on a terminal.

They hold no addresses, names of files or tracks, searches, or sound. What a bug leaves behind is the exception: its traceback may quote
what it stumbled over.
"""

import asyncio
import json
import logging
import re
import secrets
import sys
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.text import printable
from web.errors import BUG, ApiError, status_response

logger = logging.getLogger("earprint.access")

ID_HEADER = "X-Request-ID"
GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")  # a proxy's; anything else could be anything
METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "WEBSOCKET"}  # there is no end of others
OF_STRANGERS = {  # what uvicorn says of
    "Invalid UTF-8 sequence received from client.",  # a text message, with a traceback
    "Invalid HTTP request received.",
    "Unsupported upgrade request.",
}
UNKNOWN = "unknown"  # the route of a path that there is not, which may hold anything, too

STOPPING = ApiError(503, "stopping", "the server stops; try again later", {"Retry-After": "30"})

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def config(level: str) -> dict[str, Any]:
    """For `logging.config`: everything to stderr."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "web.logs.Line"}},
        "filters": {"ours": {"()": "web.logs.Ours"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "earprint": {"level": level.upper()},
            "python_multipart": {"level": "ERROR"},  # its warnings are about forms of strangers, who could fill the log with them
            "uvicorn.error": {"filters": ["ours"]},
        },
    }


class Ours(logging.Filter):
    """Holds back what uvicorn says as a warning or an error though it is a fault of strangers, who could fill the log with it."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.msg not in OF_STRANGERS


class Line(logging.Formatter):
    """A record as a line of JSON, or as text where a person reads along."""

    def format(self, record: logging.LogRecord) -> str:
        facts: dict[str, Any] = {"request": request_id.get(), **getattr(record, "facts", {})}
        facts = {name: fact for name, fact in facts.items() if fact is not None}
        if sys.stderr.isatty():
            said = " ".join(f"{name}={fact}" for name, fact in facts.items())
            lines = f"{super().format(record)} {said}".rstrip().split("\n")
            return "\n".join(map(printable, lines))
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": at, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage(), **facts}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


class Logged:
    """ASGI middleware: numbers requests, says and counts how each went, and answers those that would have no answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        given = Headers(scope=scope).get(ID_HEADER, "")
        id = given if GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
        token, answer, begin = request_id.set(id), _Answer(scope, receive, send, id), time.perf_counter()
        try:
            await self.app(scope, receive, answer)
        except asyncio.CancelledError:  # the server stops, and has waited long enough
            if scope["type"] == "http" and answer.status is None:
                await STOPPING.response()(scope, receive, answer)
        except Exception:
            if answer.status is not None:  # the connection has to be cut, which the server does, and logs
                raise
            logger.exception("a request failed")
            await BUG.response()(scope, receive, answer)
        finally:
            _note(scope, answer.status or 500, time.perf_counter() - begin)
            request_id.reset(token)


class _Answer:
    """A `send` that adds the number, and remembers the status: none where there is no answer, which is a bug.

    A handshake that is closed has none either. Starlette closes those for which there is no route.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, id: str) -> None:
        self._scope, self._receive, self._send, self._id = scope, receive, send, id
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "websocket.close" and self.status is None:
            return await status_response(404)(self._scope, self._receive, self)
        if message["type"] in ("http.response.start", "websocket.http.response.start", "websocket.accept"):
            self.status = message.get("status", 101)
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            headers[ID_HEADER] = self._id
            message = {**message, "headers": headers.raw}
        await self._send(message)


def _note(scope: Scope, status: int, seconds: float) -> None:
    method = scope.get("method", "WEBSOCKET")
    method = method if method in METHODS else UNKNOWN
    route = getattr(scope.get("route"), "path", UNKNOWN)
    metrics = scope["state"]["metrics"]
    metrics.requests.labels(method, route, status).inc()
    if status >= 400:
        metrics.errors.labels(str(status)).inc()
    facts = {"method": method, "route": route, "status": status, "ms": round(1000 * seconds, 1)}
    logger.info("answered", extra={"facts": facts})
