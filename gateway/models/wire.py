"""What a wire is: how neutral messages become a request's body, and how a reply is read, whole or as it comes.

`HttpEndpoint` does the rest, the same for all wires: the exchange, its bounds and its deadline, and the errors
that name the endpoint.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from gateway.core.ports import ModelReply, ModelRequest, OnPiece
from toolward.types import JsonObject


class WireSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a wire is told of its endpoint. `source` names endpoint, wire and model as one text: a reply's own items
    go back to the same source only."""

    source: str
    model: str
    strict: bool = False  # input schemas as the wire's strict mode wants them, where they can be so
    parallel: bool = True  # several calls in one reply
    max_output_tokens: int = 0  # 0 = not said, or a wire's own default where it must be said
    cache: bool = True  # mark what is the same from turn to turn, where the wire has marks for it
    extra: JsonObject = {}  # into every body, over what we would write


class Reported(ValueError):
    """A failure that the endpoint reports inside a reply, also in the middle of a stream. `error` is its own
    object."""

    def __init__(self, error: object) -> None:
        super().__init__("the endpoint reports an error")
        self.error = error


class Reader(Protocol):
    """Puts one reply together. All methods raise ValueError for what is no UTF-8, no JSON or not of the shape,
    and Reported."""

    def whole(self, raw: bytes) -> None:
        """A reply that came in one piece."""
        ...

    def event(self, name: str, data: bytes) -> bool:
        """One server-sent event of a streamed reply; whether it was the last. `name` may be empty."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the endpoint said why it stopped; a stream that ends without that was cut off."""
        ...

    def reply(self) -> ModelReply:
        """Without what the endpoint adds: `endpoint`, `cost`."""
        ...


class Wire(Protocol):
    path: str
    """Behind the base URL: `/chat/completions`."""

    def headers(self, key: str) -> Mapping[str, str]:
        """How the key is shown, and what else this wire wants; `key` may be empty."""
        ...

    def encode(self, request: ModelRequest, *, stream: bool) -> bytes:
        """The body. What was encoded for an earlier turn of the same conversation is used again (`memo`)."""
        ...

    def reader(self, request: ModelRequest, on_piece: OnPiece | None) -> Reader: ...
