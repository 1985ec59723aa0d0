"""Foreign exceptions become ours here, once; ours become RFC 9457 problems."""

import logging
from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gateway.servers.chat_completions_errors import OPENAI, OPENAI_HAS, refused
from gateway.servers.rest_bodies import NotJson, Packed, is_json
from gateway.servers.surface import allowed_at
from toolward.doors.replies import PROBLEM, refusal_headers
from toolward.errors import Internal, InvalidRequest, NotFound, ToolwardError, Violation
from toolward.types import Headers
from toolward.wire.errors import to_problem

log = logging.getLogger(__name__)


def map_errors(app: FastAPI, challenge: Callable[[Headers], str]) -> None:
    """Every error of the application is told as a problem; `challenge` is what is said to whoever must prove who
    they are, by the headers of their request."""

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, ToolwardError)  # noqa: S101 -- a type guard: it is registered for nothing else
        status = 415 if isinstance(error, (NotJson, Packed)) else None
        told = {"www-authenticate": challenge(request.headers)} if error.code == "unauthenticated" else {}
        return problem(error, status, told)

    async def malformed(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 -- likewise
        found = [Violation("/" + "/".join(map(str, one["loc"])), one["msg"]) for one in error.errors()]
        if any(one.pointer == "/body" for one in found) and not is_json(request):
            return problem(NotJson(request.headers.get("content-type", "")), 415)
        said = "; ".join(map(str, found))
        return problem(InvalidRequest(f"The request is wrong: {said}.", violations=found), 422)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 -- likewise
        path, status = request.url.path, error.status_code
        if status == 404:
            return _nothing_at(path)
        if status != 405:
            return problem(_unread(request, error), status)
        allow = {"allow": allowed_at(path, app.openapi()) or (error.headers or {}).get("Allow", "GET")}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=allow)
        wrong = InvalidRequest(f"There is no {request.method[:32]} here.", hint=f"Allowed: {allow['allow']}.")
        return problem(wrong, 405, allow)

    async def unexpected(request: Request, error: Exception) -> Response:
        log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem(Internal("The gateway failed inside.", hint="Its log says why."))

    app.add_exception_handler(ToolwardError, ours)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)


def _nothing_at(path: str) -> Response:
    said = f"There is nothing at {path[:256]}."
    if path.endswith(OPENAI):
        return refused(NotFound(said, hint=OPENAI_HAS))
    return problem(NotFound(said, hint="See /docs."))


def _unread(request: Request, error: HTTPException) -> InvalidRequest:
    if error.status_code == 400 and request.method != "GET":  # FastAPI says no more of a body
        return InvalidRequest("The body cannot be read.", hint="Send JSON in UTF-8.")
    return InvalidRequest(f"{error.detail}.")


def problem(
    error: ToolwardError, status: int | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    """`status` where HTTP has a closer word than the error's own; the problem says the same (RFC 9457, 3.1.3)."""
    own, body = to_problem(error)
    status = status or own
    told = refusal_headers(error, "Bearer") | (headers or {})
    return JSONResponse(body | {"status": status}, status, told, media_type=PROBLEM)
