"""Model endpoints: messages in no wire's format, and who answers them."""

from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from toolward.types import (
    JsonObject,
)


class ToolUse(msgspec.Struct, frozen=True):
    """A model's wish to call a tool. `name` is the alias that it was given."""

    id: str
    name: str
    arguments_json: str


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of a conversation, in no wire's format."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str = ""
    tool_uses: tuple[ToolUse, ...] = ()  # of an assistant's message
    tool_use_id: str = ""  # what a tool's message answers
    is_error: bool = False


class ModelTool(msgspec.Struct, frozen=True):
    """A tool as a model is told of it."""

    name: str  # alias
    description: str
    input_schema: JsonObject


class Usage(msgspec.Struct, frozen=True):
    input_tokens: int = 0
    output_tokens: int = 0


class ModelRequest(msgspec.Struct, frozen=True):
    messages: tuple[Message, ...]
    tools: tuple[ModelTool, ...] = ()
    timeout: float = 120.0  # seconds


StopReason = Literal["final", "tool_use", "length", "refusal"]


class ModelReply(msgspec.Struct, frozen=True):
    """What a model said: text, calls, or both."""

    text: str
    tool_uses: tuple[ToolUse, ...] = ()
    stop: StopReason = "final"
    usage: Usage = Usage()
    model: str = ""  # the endpoint's own name for what answered


class ModelPort(Protocol):
    async def reply(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """One reply; `on_text` gets pieces of the text as they come. Raises Unavailable, DeadlineExceeded,
        Overloaded, InvalidResult, Unauthenticated, ConfigurationError (no such model), InvalidRequest, TooLarge;
        always naming the endpoint."""
        ...
