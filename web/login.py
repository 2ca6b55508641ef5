"""A browser trades the token for a cookie, which audio tags and WebSockets send where they could send no token."""

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from web.auth import COOKIE, COOKIE_SECONDS, unauthorized
from web.errors import ApiError
from web.tracks import small_body


async def login(request: Request) -> Response:
    """Takes the form field `token`; back to the page, with the cookie."""
    keys = request.state.keys
    if not keys.needed:
        raise ApiError(409, "no_token", "this server has no token: everybody may do everything")
    form = parse_qs((await small_body(request)).decode("utf-8", "replace"))
    if not keys.is_token(form.get("token", [""])[0].strip()):
        raise unauthorized("bad_token", "that is not the token")
    return _back_with(request, keys.cookie(), COOKIE_SECONDS)


async def logout(request: Request) -> Response:
    return _back_with(request, "", 0)


def _back_with(request: Request, cookie: str, seconds: int) -> Response:
    response = RedirectResponse("./", 303)  # relative: whatever name and path a proxy gives us
    path, secure = request.scope.get("root_path") or "/", request.url.scheme == "https"
    response.set_cookie(COOKIE, cookie, seconds, path=path, secure=secure, httponly=True, samesite="strict")
    return response
