"""What stands before every route: headers that tell browsers what the page may do, and who may write."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.errors import error_response, status_response

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",  # scripts and styles from files only, none written into the page
        "img-src 'self' data:",  # Bootstrap's icons are data URLs in its style sheet
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # no-referrer would make a page's own uploads come from origin null
    "Permissions-Policy": "microphone=(self), display-capture=(self), camera=(), geolocation=()",
}
READING = {"GET", "HEAD", "OPTIONS"}
DEFAULT_PORTS = {"http": 80, "https": 443}


def foreign(headers: Headers, allowed: Iterable[str]) -> bool:
    """Whether a page of another site makes this request. Programs send no Origin, and are not meant."""
    origin = headers.get("origin")
    return origin is not None and origin.lower() not in allowed and not _same_host(origin, headers.get("host", ""))


def _same_host(origin: str, host: str) -> bool:
    try:
        ours, theirs = urlsplit(f"//{host}"), urlsplit(origin)
        port = DEFAULT_PORTS.get(theirs.scheme)
        return bool(ours.hostname) and (ours.hostname, ours.port or port) == (theirs.hostname, theirs.port or port)
    except ValueError:  # a port that is no number
        return False


class Guard:
    """ASGI middleware. A WebSocket passes untouched; a response gets its headers as it starts, and streams on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        app = _refuse if self._writes_from_elsewhere(scope) else self.app
        await app(scope, receive, _Guarded(scope, receive, send))

    def _writes_from_elsewhere(self, scope: Scope) -> bool:
        return scope["method"] not in READING and foreign(Headers(scope=scope), scope["state"]["settings"].origins)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    response = error_response(403, "foreign_origin", "pages of other sites may not change this library")
    await response(scope, receive, send)


class _Guarded:
    """A `send` that adds our headers, and says in JSON what Starlette says in plain text (a bad range)."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._replaced = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._start(message)
        elif not self._replaced:
            await self._send(message)

    async def _start(self, message: Message) -> None:
        headers = MutableHeaders(raw=message["headers"])
        if message["status"] >= 400 and headers.get("content-type", "").startswith("text/plain"):
            await self._answer(message["status"], headers)
            self._replaced = True
        else:
            headers.update(HEADERS)
            await self._send({**message, "headers": headers.raw})

    async def _answer(self, status: int, headers: MutableHeaders) -> None:
        kept = {name: headers[name] for name in ("content-range", "allow") if name in headers}
        await status_response(status, kept)(self._scope, self._receive, self)
