"""From an error to an RFC 9457 problem document: one table, one shape, no detail that leaks.

Knows statuses and nothing of what went wrong; the errors' own words say that.
"""

import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ingest.database import is_full
from ingest.errors import (
    CollectionNameTaken,
    FileTooLarge,
    LecternError,
    NotFound,
    Refused,
    StorageFull,
    Unavailable,
    UnsupportedType,
)
from service.headers import SECURITY_HEADERS
from workers.errors import Cancelled

PROBLEM = "application/problem+json"
RETRY_SECONDS = "5"

log = logging.getLogger(__name__)


class JobTimeout(Unavailable):
    """The {kind} took longer than {seconds} s and was given up."""

    code = "job_timeout"


class ServiceStopping(Unavailable):
    """The service is being stopped; the job goes on and can be followed again."""

    code = "service_stopping"


class NoPageImage(Refused):
    """Documents of this kind ({media_type}) have no page images."""

    code = "no_page_image"


class NoTable(Refused):
    """Only an extraction that has succeeded has a table; this job is {kind}, {status}."""

    code = "no_table"


class MalformedUpload(Refused):
    """The upload is not well-formed: {reason}."""

    code = "malformed_upload"


class ImportOff(Refused):
    """Nothing is fetched from web addresses here: LECTERN_IMPORT_HOSTS is empty."""

    code = "import_off"


class UrlRefused(Refused):
    """Nothing is fetched from this address: {reason}."""

    code = "url_refused"


class UrlUnreachable(LecternError):
    """The address could not be fetched: {reason}."""

    code = "url_unreachable"


class NoFiles(Refused):
    """The upload holds no file in its field “files”."""

    code = "no_files"


class HostNotAllowed(Refused):
    """This service does not answer to that host name; see LECTERN_ALLOWED_HOSTS."""

    code = "host_not_allowed"


class CrossOrigin(Refused):
    """Requests from pages of another origin may not change anything here."""

    code = "cross_origin"


class BodyTooLarge(Refused):
    """The request is larger than {limit} bytes."""

    code = "body_too_large"


class JobUnsuccessful(LecternError):
    """{message}"""

    def __init__(self, code: str, message: str) -> None:
        """Carry the code and the message of a job that failed or was cancelled."""
        super().__init__(message=message)
        self.code = code


#: The nearest class in an error's ancestry decides.
STATUS: dict[type[LecternError], int] = {
    CollectionNameTaken: 409,
    Cancelled: 409,
    MalformedUpload: 400,
    CrossOrigin: 403,
    NotFound: 404,
    FileTooLarge: 413,
    BodyTooLarge: 413,
    UnsupportedType: 415,
    HostNotAllowed: 421,
    Refused: 422,
    LecternError: 500,
    UrlUnreachable: 502,
    Unavailable: 503,
    JobTimeout: 504,
    StorageFull: 507,
}

#: Codes of what the framework itself refuses.
HTTP_CODES = {
    400: "malformed_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "upload_stalled",
    413: "body_too_large",
    415: "unsupported_type",
}


def status_of(kind: type[LecternError]) -> int:
    """The HTTP status of an error class."""
    return next(STATUS[ancestor] for ancestor in kind.__mro__ if ancestor in STATUS)


def status_of_code(code: str) -> int:
    """The HTTP status of an error that is known by its code only, as a job keeps it."""
    for kind in _descendants(LecternError):
        if kind.code == code:
            return status_of(kind)
    return 500


def problem(
    status: int, code: str, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    """An RFC 9457 problem document."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }
    return JSONResponse(body, status, headers, media_type=PROBLEM)


def answer_to(error: LecternError) -> JSONResponse:
    """The problem document of a named error."""
    if isinstance(error, JobUnsuccessful):
        return problem(status_of_code(error.code), error.code, str(error))
    status = status_of(type(error))
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s: %s", error.code, error)
        return problem(status, error.code, "Something went wrong here; the log says more.")
    retry = {"Retry-After": RETRY_SECONDS} if isinstance(error, Unavailable) else None
    return problem(status, error.code, str(error), retry)


def invalid(error: RequestValidationError) -> JSONResponse:
    """The problem document of a request that is not as described."""
    faults = faults_of(error)
    return problem(422, "invalid_request", "The request is not as described.", errors=faults)


def faults_of(error: RequestValidationError | ValidationError) -> list[dict[str, Any]]:
    """Where a request is not as described, and why.

    What was sent is not sent back: it may be anything, and anything may read the answer.
    """
    return [
        {"at": [str(part)[:100] for part in fault["loc"]], "message": str(fault["msg"])[:300]}
        for fault in error.errors()[:20]
    ]


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""
    app.add_exception_handler(LecternError, _named)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(OperationalError, _database_away)
    app.add_exception_handler(PoolTimeout, _database_away)
    app.add_exception_handler(ClientDisconnect, _client_gone)
    app.add_exception_handler(Exception, _unexpected)


async def _named(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LecternError)
    return answer_to(error)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return invalid(error)


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = HTTP_CODES.get(error.status_code, "http_error")
    headers = dict(error.headers) if error.headers else None
    return problem(error.status_code, code, error.detail, headers)


async def _database_away(_request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, OperationalError) and is_full(error):
        log.error("storage_full: %s", error)
        return answer_to(StorageFull())
    log.error("database_unavailable: %s", error)
    retry = {"Retry-After": RETRY_SECONDS}
    return problem(503, "database_unavailable", "The database does not answer.", retry)


async def _client_gone(_request: Request, _error: Exception) -> JSONResponse:
    return problem(400, "client_gone", "The request ended before it was complete.")


async def _unexpected(_request: Request, _error: Exception) -> JSONResponse:
    # The server logs the error itself; this answer passes by the layer that adds the headers.
    detail = "Something went wrong here; the log says more."
    return problem(500, "internal_error", detail, SECURITY_HEADERS)


def _descendants(kind: type[LecternError]) -> Iterator[type[LecternError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)
