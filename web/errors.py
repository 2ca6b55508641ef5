"""Errors as JSON, whoever found them: `{"error": {"code", "message"}}` with the right status."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core.errors import AudioError, ConflictError, EarprintError, MissingError, StorageError, TooLongError, VersionError

logger = logging.getLogger("earprint.web")

STATUS = {  # kinds of a kind before it
    MissingError: 404,
    ConflictError: 409,
    TooLongError: 413,
    AudioError: 415,
    VersionError: 503,  # somebody rebuilt the index with other numbers: the server has to be started again
    StorageError: 507,
    EarprintError: 400,
}
CODE = {
    MissingError: "not_found",
    ConflictError: "conflict",
    TooLongError: "too_long",
    AudioError: "not_audio",
    VersionError: "outdated",
    StorageError: "storage",
    EarprintError: "bad_request",
}
FOR_THE_OPERATOR = {  # whose words name folders of the server
    VersionError: "the library was rebuilt: the server has to be started again",
    StorageError: "the server's disk is full or broken: this has changed nothing",
}
STATUS_CODE = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 416: "bad_range"}


class ApiError(HTTPException):
    """Stops a request with this status, a code for programs and a message for people."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, message, headers)
        self.code = code

    def response(self) -> Response:
        return error_response(self.status_code, self.code, self.detail, self.headers)


def error_response(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


def status_response(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """For a status that says all there is to say."""
    return error_response(status, STATUS_CODE.get(status, "http_error"), HTTPStatus(status).phrase, headers)


def on_http_exception(request: Request, error: Exception) -> Response:
    """Ours, with a code; and Starlette's own, such as an unknown path or method."""
    assert isinstance(error, HTTPException)
    if isinstance(error, ApiError):
        return error.response()
    return status_response(error.status_code, error.headers)


def on_earprint_error(request: Request, error: Exception) -> Response:
    """What the engine says is wrong with somebody's input."""
    kind = _kind(error)
    return error_response(STATUS[kind], CODE[kind], told(error))


def told(error: Exception) -> str:
    """What a sender may know of what the engine says. The rest is for the operator, and goes into the log."""
    kind = _kind(error)
    if kind in FOR_THE_OPERATOR:
        logger.error("%s", error)
    return FOR_THE_OPERATOR.get(kind, str(error))


def _kind(error: Exception) -> type[EarprintError]:
    return next(kind for kind in STATUS if isinstance(error, kind))


BUG = ApiError(500, "internal", "something went wrong on our side")  # no more than that; the log has the traceback

HANDLERS = {HTTPException: on_http_exception, EarprintError: on_earprint_error}
