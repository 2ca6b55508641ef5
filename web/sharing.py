"""What lets the pages of other sites use this server: those that the operator names, and what browsers want to be told of it (CORS).

Cookies are not shared: such a page sends the token, which its visitor has given to it, or nothing.
"""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE")
ASKED = ("Authorization", "Content-Type", "Range", "X-Request-ID")  # headers that a page may send
TOLD = ("Accept-Ranges", "Content-Range", "Content-Disposition", "Retry-After", "X-Request-ID")  # and may read, besides the usual ones


class Shared:
    """ASGI middleware. The origins are a setting, and settings are read when the server starts, after this has been made."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origins = scope["state"]["settings"].origins if scope["type"] == "http" else ()
        await (_shared(self.app, origins) if origins else self.app)(scope, receive, send)


def _shared(app: ASGIApp, origins: frozenset[str]) -> ASGIApp:
    return CORSMiddleware(app, allow_origins=origins, allow_methods=METHODS, allow_headers=ASKED, expose_headers=TOLD)
