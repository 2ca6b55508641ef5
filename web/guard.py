"""What stands before every route: who may pass, and headers that tell browsers what the page may do."""

import math

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from web.auth import FILES, READING, is_member, is_open, unauthorized
from web.errors import ApiError, status_response
from web.limits import client_of
from web.sites import foreign, known_host

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
WORK = ("/upload", "/demo", "/predict", "/listen", "/login")  # costs more than the request itself, or is worth guessing at


class Guard:
    """ASGI middleware. A response gets its headers as it starts, and streams on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        outward = _Guarded(scope, receive, send) if scope["type"] == "http" else send
        try:
            check(HTTPConnection(scope))
        except ApiError as refusal:
            await _refuse(refusal, scope, receive, outward)
        else:
            await self.app(scope, receive, outward)


def check(connection: HTTPConnection) -> None:
    """Raises ApiError for a request that may not pass. Leaves in the state whether it may do everything: `member`."""
    state, settings, scope = connection.state, connection.state.settings, connection.scope
    if not known_host(connection.headers.get("host", ""), settings.hosts):
        raise ApiError(421, "unknown_host", "this server does not go by that name; EARPRINT_HOSTS can hold it")
    reading = scope["type"] == "http" and scope["method"] in READING
    if not reading and foreign(connection.headers, settings.origins):
        raise ApiError(403, "foreign_origin", "pages of other sites may not use this library")
    state.member = _member(connection)
    if not state.member and not is_open(connection, settings):
        raise unauthorized("token_needed", "this needs the token of this server: log in, or send it as a bearer token")


def _member(connection: HTTPConnection) -> bool:
    """Whoever has shown the token is not counted; a wrong token is, as costly."""
    keys = connection.state.keys
    try:
        member = is_member(connection, keys)
    except ApiError:
        _count(connection, costly=True)
        raise
    if not (member and keys.needed):
        _count(connection, costly=connection.scope["path"] in WORK)
    return member


def _count(connection: HTTPConnection, *, costly: bool) -> None:
    """Raises ApiError for an address that asks for too much."""
    address, state = client_of(connection), connection.state
    if address is None or connection.scope["path"].startswith(FILES):
        return
    seconds = state.requests.wait(address) or (costly and state.work.wait(address))
    if seconds:
        raise ApiError(429, "too_many_requests", "too many requests; wait a little", {"Retry-After": str(math.ceil(seconds))})


async def _refuse(refusal: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(refusal.response())
    else:
        await refusal.response()(scope, receive, send)


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
