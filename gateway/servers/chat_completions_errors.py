"""Errors as OpenAI's clients know them: `{"error": {message, type, param, code}}`, and the status that they tell
apart. `error.toolward` has the same error as it is at every other door."""

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError

from gateway.servers.chat_completions_request import param_of
from gateway.servers.rest_bodies import NotJson, Packed
from gateway.servers.rest_route import ProvenRoute
from toolward.errors import InvalidRequest, NotFound, ToolwardError
from toolward.types import JsonObject, Run
from toolward.wire.errors import CODES, details

_CODES = {
    "unauthenticated": "invalid_api_key",
    "overloaded": "rate_limit_exceeded",
    "too_large": "context_length_exceeded",
}
"""Those on which clients act; others are ours."""

OPENAI = ("/chat/completions", "/completions", "/responses", "/embeddings", "/models")
"""Ends of paths that their clients ask for, also where there is nothing: they show errors in their shape alone."""

OPENAI_HAS = "There are /v1/chat/completions and /v1/models: a client's base URL ends in /v1."

DO_NOT_REPEAT = "x-should-retry"
"""Header on which the official clients decide whether to ask again."""


class ModelNotFound(NotFound):
    """No agent of this name, or none that the caller may start."""


class RunEnded(ToolwardError):
    """A run that this request waited for ended without an answer."""

    def __init__(self, run: Run) -> None:
        cancelled = run.state.value == "cancelled"
        said = f"The run {run.id} was cancelled." if cancelled else run.error_message
        super().__init__(said or f"The run {run.id} failed.", hint=f"GET /v1/runs/{run.id}/events tells all.")
        self.status = 409 if cancelled else 502  # it began: whatever stopped it, the request was taken
        self.ended = "run_cancelled" if cancelled else run.error_code or "run_failed"


def to_openai(error: ToolwardError) -> tuple[int, JsonObject]:
    """HTTP status and body."""
    status, code = CODES[error.code].http, _CODES.get(error.code, error.code)
    if isinstance(error, RunEnded):
        status, code = error.status, error.ended
    elif isinstance(error, InvalidRequest):
        status = 415 if isinstance(error, (NotJson, Packed)) else 400
    elif isinstance(error, ModelNotFound):
        code = "model_not_found"
    kind = "server_error" if status >= 500 else "invalid_request_error"
    if status == 429:
        kind = "rate_limit_error"
    param = "model" if isinstance(error, ModelNotFound) else param_of(error)
    told = {"message": error.text, "type": kind, "param": param, "code": code}
    return status, {"error": told | {"toolward": details(error)}}


def refused(error: ToolwardError, *, repeat: bool = True) -> Response:
    """`repeat`: whether a client may ask again by itself, where it would."""
    status, body = to_openai(error)
    headers: dict[str, str] = {} if repeat else {DO_NOT_REPEAT: "false"}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if error.retry_after is not None:
        headers["retry-after"] = str(max(round(error.retry_after), 1))
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")


class OpenAiRoute(ProvenRoute):
    """Tells every ToolwardError, whoever raises it on the way, in OpenAI's shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except ToolwardError as error:
                return refused(error)
            except RequestValidationError as error:
                said = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors())
                return refused(InvalidRequest(f"The request is wrong: {said}."))

        return handle
