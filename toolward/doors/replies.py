"""Whole answers over HTTP, as ASGI messages."""

import math
from typing import Any

import msgspec

from toolward.errors import ToolwardError
from toolward.wire.errors import to_problem

JSON = "application/json"
PROBLEM = "application/problem+json"


async def reply(
    send: Any, status: int, body: bytes, content_type: str = JSON, headers: dict[str, str] | None = None
) -> None:
    sent = {"content-type": content_type, "content-length": str(len(body))} | (headers or {})
    raw = [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Any, error: ToolwardError, challenge: str = "Bearer") -> None:
    """The error as a problem (RFC 9457)."""
    status, problem = to_problem(error)
    await reply(send, status, msgspec.json.encode(problem), PROBLEM, refusal_headers(error, challenge))


def refusal_headers(error: ToolwardError, challenge: str) -> dict[str, str]:
    """What HTTP itself says of an error: who may come in, and when to come back."""
    headers: dict[str, str] = {}
    if error.code == "unauthenticated":
        headers["www-authenticate"] = challenge
    if error.retry_after is not None:
        headers["retry-after"] = str(max(math.ceil(error.retry_after), 1))
    return headers
