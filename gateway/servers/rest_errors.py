"""Foreign exceptions become ours here, once; ours become RFC 9457 problems."""

import logging
import math
from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from toolward.errors import Internal, InvalidRequest, NotFound, ToolwardError, Violation
from toolward.types import Headers
from toolward.wire.errors import to_problem

log = logging.getLogger(__name__)


def map_errors(app: FastAPI, challenge: Callable[[Headers], str]) -> None:
    """Every error of the application is told as a problem; `challenge` is what is said to whoever must prove who
    they are, by the headers of their request."""

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, ToolwardError)  # noqa: S101 -- a type guard: it is registered for nothing else
        answer = _problem(error)
        if answer.status_code == 401:
            answer.headers["www-authenticate"] = challenge(request.headers)
        return answer

    async def malformed(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 -- likewise
        found = [Violation("/" + "/".join(map(str, one["loc"])), one["msg"]) for one in error.errors()]
        said = "; ".join(map(str, found))
        return _problem(InvalidRequest(f"The request is wrong: {said}.", violations=found), 422)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 -- likewise
        if error.status_code == 404:
            return _problem(NotFound(f"There is nothing at {request.url.path}.", hint="See /docs."))
        return _problem(InvalidRequest(f"{error.detail}."), error.status_code)

    async def unexpected(request: Request, error: Exception) -> Response:
        log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
        return _problem(Internal("The gateway failed inside.", hint="Its log says why."))

    app.add_exception_handler(ToolwardError, ours)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)


def _problem(error: ToolwardError, status: int | None = None) -> JSONResponse:
    code, body = to_problem(error)
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(max(math.ceil(error.retry_after), 1))
    return JSONResponse(body, status or code, headers, media_type="application/problem+json")
