"""Who may do what. Whoever knows the token: programs send it, a browser trades it for a cookie once.

The cookie says until when it is valid, and is signed with a key made of the token: no worker has to remember it, it does not give the
token away, and a new token ends them all.
"""

import hmac
import secrets
import time
from collections.abc import Callable

from starlette.requests import HTTPConnection

from web.errors import ApiError
from web.settings import Settings

COOKIE = "earprint"
COOKIE_SECONDS = 30 * 24 * 3600
READING = {"GET", "HEAD", "OPTIONS"}
OPEN = ("/login", "/logout", "/health", "/health/ready")  # to everybody, always
PAGE = "/"  # too: it holds the log-in, and no tracks before it
FILES = ("/static/", "/vendor/")
ASKING = ("/predict", "/listen")  # changes nothing, whatever the method
INNER = ("/metrics", "/removed")  # reading, but a matter of those who change the library, and of operators


class Keys:
    """What opens: the token, and cookies made of it. Without a token everything is open."""

    def __init__(self, token: str, clock: Callable[[], float] = time.time) -> None:
        self._token, self._clock = token, clock
        self._key = hmac.digest(token.encode(), b"earprint cookie", "sha256")

    @property
    def needed(self) -> bool:
        return bool(self._token)

    def is_token(self, given: str) -> bool:
        """Takes as long for any answer: what is compared are digests, to the last byte."""
        return hmac.compare_digest(self._sign(given), self._sign(self._token))

    def cookie(self) -> str:
        claim = f"{int(self._clock()) + COOKIE_SECONDS}.{secrets.token_urlsafe(16)}"
        return f"{claim}.{self._sign(claim)}"

    def is_cookie(self, given: str) -> bool:
        claim, _, signature = given.rpartition(".")
        genuine = hmac.compare_digest(self._sign(claim).encode(), signature.encode())
        return genuine and int(claim.partition(".")[0]) > self._clock()

    def _sign(self, text: str) -> str:
        return hmac.digest(self._key, text.encode("utf-8", "surrogateescape"), "sha256").hex()


def is_member(connection: HTTPConnection, keys: Keys) -> bool:
    """Whether a request comes with the token or a cookie. Raises ApiError where it comes with a wrong token."""
    scheme, _, given = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and keys.needed:
        if not keys.is_token(given.strip()):
            raise unauthorized("bad_token", "that is not the token")
        return True
    return not keys.needed or keys.is_cookie(connection.cookies.get(COOKIE, ""))


def is_open(connection: HTTPConnection, settings: Settings) -> bool:
    """Whether this needs no token, even where one is set. What is not named here needs it."""
    path, method = path_of(connection), connection.scope.get("method", "GET")
    if path in (*OPEN, PAGE) or path.startswith(FILES):
        return True
    if path in ASKING or (method in READING and path not in INNER):
        return not settings.private
    return False


def path_of(connection: HTTPConnection) -> str:
    """Return the path below the one at which a proxy serves us."""
    path: str = connection.scope["path"]
    return path.removeprefix(connection.scope.get("root_path", ""))


def unauthorized(code: str, message: str) -> ApiError:
    return ApiError(401, code, message, {"WWW-Authenticate": "Bearer"})
