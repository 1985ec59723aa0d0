"""Bodies of requests and answers over REST."""

from typing import Any

import msgspec
from fastapi import Response
from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """What a request brings: nothing that is not named, and no type for another."""

    model_config = ConfigDict(extra="forbid", strict=True)


def answer(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")
