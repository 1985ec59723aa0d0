"""What the server and a worker process say to each other: JSON with its length before it, over pipes. A request may
have bytes behind it."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

HEADER = 4
"""Bytes of the length, big-endian."""


class Request(msgspec.Struct, frozen=True):
    operation: str
    arguments: dict[str, Any]
    attached: int | None = None
    """How many bytes follow, which the operation gets as `data`."""


class Reply(msgspec.Struct, frozen=True):
    """`loaded`: calls of `operation` can come now; `warm`: of all. The others answer the request
    before, and `text` is what there is to say of it."""

    kind: Literal["loaded", "warm", "result", "refused", "unavailable", "memory", "bug"]
    operation: str = ""
    text: str = ""
    result: msgspec.Raw = msgspec.Raw(b"null")


class Operation(msgspec.Struct, frozen=True):
    """One function of JSON-like keyword arguments that gives a frozen dataclass or raises ToolError."""

    function: str
    """`package.module:function`, imported in the worker alone."""
    sample: dict[str, Any] | None = None
    """Arguments of a call that is made once while the worker gets ready, so that no caller's is the first."""

    def load(self) -> Callable[..., Any]:
        """Raises ImportError."""
        from importlib import import_module

        module, _, name = self.function.partition(":")
        return getattr(import_module(module), name)


def framed(message: msgspec.Struct) -> bytes:
    body = msgspec.json.encode(message)
    return len(body).to_bytes(HEADER, "big") + body
