"""Bodies of requests and answers over REST."""

from typing import Any

import msgspec
from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict
from starlette.requests import ClientDisconnect

from toolward.errors import Cancelled, InvalidRequest


class Body(BaseModel):
    """What a request brings: nothing that is not named, and no type for another."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NotJson(InvalidRequest):
    """A body that says of itself that it is something else."""

    def __init__(self, content_type: str) -> None:
        said = f"is {content_type[:128]!r}" if content_type else "does not say what it is"
        super().__init__(f"The body {said}.", hint="Send JSON with content-type: application/json.")


class Packed(InvalidRequest):
    """A body in a content coding: none is unpacked here, so that none is larger than it came."""

    def __init__(self, coding: str) -> None:
        super().__init__(f"The body is packed ({coding[:32]}).", hint="Send it without content-encoding.")


def check_coding(request: Request) -> None:
    """Raises Packed."""
    coding = request.headers.get("content-encoding", "identity")
    if coding.lower() != "identity":
        raise Packed(coding)


def is_json(request: Request) -> bool:
    """What it says of its body, without parameters."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


async def whole(request: Request) -> bytes:
    """The body. Raises Cancelled where the client leaves in the middle of it."""
    try:
        return await request.body()
    except ClientDisconnect:
        raise Cancelled("The client left before its request was whole.") from None


async def raw_json(request: Request) -> bytes:
    """A body that is read elsewhere. Raises NotJson where it says that it is something else, and Cancelled where
    the client leaves in the middle of it."""
    if "content-type" in request.headers and not is_json(request):
        raise NotJson(request.headers["content-type"])
    return await whole(request)


def answer(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")
