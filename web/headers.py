"""What every answer carries, whoever gives it: what browsers may do with it, and errors in JSON."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.errors import status_response

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
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    "Referrer-Policy": "same-origin",  # no-referrer would make a page's own uploads come from origin null
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), display-capture=(self), camera=(), geolocation=()",
}
STARTS = ("http.response.start", "websocket.http.response.start")  # the second is a handshake that is refused


class Headed:
    """ASGI middleware, the outermost. A response gets its headers as it starts, and streams on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        outward = _Outward(scope, receive, send) if scope["type"] in ("http", "websocket") else send
        await self.app(scope, receive, outward)


class _Outward:
    """A `send` that adds our headers, and says in JSON what Starlette says in plain text (a bad range)."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._replaced = False

    async def __call__(self, message: Message) -> None:
        if message["type"] in STARTS:
            await self._start(message)
        elif not self._replaced:
            await self._send(message)

    async def _start(self, message: Message) -> None:
        headers = MutableHeaders(raw=list(message.get("headers", [])))
        if message["status"] >= 400 and headers.get("content-type", "").startswith("text/plain"):
            await self._answer(message["status"], headers)
            self._replaced = True
        else:
            headers.update(HEADERS)
            await self._send({**message, "headers": headers.raw})

    async def _answer(self, status: int, headers: Mapping[str, str]) -> None:
        about = ("content-type", "content-length")  # what is replaced
        kept = {name: value for name, value in headers.items() if name not in about}
        await status_response(status, kept)(self._scope, self._receive, self)
