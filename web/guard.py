"""What stands before every route: who may pass."""

import math

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from web.auth import FILES, READING, is_member, is_open, path_of, unauthorized
from web.errors import ApiError
from web.limits import client_of
from web.sites import foreign, known_host

WORK = ("/upload", "/demo", "/predict", "/listen", "/login")  # costs more than the request itself, or is worth guessing at


class Guard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        try:
            check(HTTPConnection(scope))
        except ApiError as refusal:
            await refusal.response()(scope, receive, send)
        else:
            await self.app(scope, receive, send)


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
        _count(connection, costly=path_of(connection) in WORK)
    return member


def _count(connection: HTTPConnection, *, costly: bool) -> None:
    """Raises ApiError for an address that asks for too much. A page's files cost nothing; a token that is tried on one does."""
    address, state = client_of(connection), connection.state
    if address is None or (path_of(connection).startswith(FILES) and not costly):
        return
    seconds = state.requests.wait(address) or (costly and state.work.wait(address))
    if seconds:
        raise ApiError(429, "too_many_requests", "too many requests; wait a little", {"Retry-After": str(math.ceil(seconds))})
