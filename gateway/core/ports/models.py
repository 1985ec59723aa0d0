"""Model endpoints: messages in no wire's format, and who answers them."""

from collections.abc import Callable
from typing import Any, Literal, Protocol

import msgspec

from toolward.errors import TooLarge
from toolward.types import JsonObject


class ContextExceeded(TooLarge):
    """The conversation is longer than the model takes."""


class ToolUse(msgspec.Struct, frozen=True):
    """A model's wish to call a tool. `name` is the alias that it was given."""

    id: str
    name: str
    arguments_json: str


class Native(msgspec.Struct, frozen=True):
    """A reply as its endpoint wrote it, where that holds what no neutral form does (reasoning, signatures). It goes
    back word for word to the `source` that it came from, and to no other. `items` is JSON text, the wire's own."""

    source: str  # endpoint, wire and model, as one text
    items: str


UNREADABLE = "unreadable_action"
"""The name of a wish that could not be read, where a model without tool calling writes its wishes as text: its
arguments are `text`, what it wrote, and `why`."""


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of a conversation, in no wire's format."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str = ""
    tool_uses: tuple[ToolUse, ...] = ()  # of an assistant's message
    tool_use_id: str = ""  # what a tool's message answers
    is_error: bool = False
    native: Native | None = None  # of an assistant's message: the same, as its endpoint wrote it


class ModelTool(msgspec.Struct, frozen=True):
    """A tool as a model is told of it."""

    name: str  # alias
    description: str
    input_schema: JsonObject


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one reply. `input_tokens` includes those read from and written to a prompt cache, and
    `output_tokens` those of reasoning, whatever a wire's own habit is."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_written_tokens: int = 0
    reasoning_tokens: int = 0


class ModelRequest(msgspec.Struct, frozen=True):
    """`memo`, where given, is kept by who asks as long as one conversation lasts: an adapter may keep there what
    it made of the messages, each of which stays the same object from turn to turn; what is sent is the same
    without.

    `tools_before`: where no more calls are wanted and there are no `tools`, those of the turns before; a wire may
    have to name them for the calls that were made, and prompt caches want the same beginning."""

    messages: tuple[Message, ...]
    tools: tuple[ModelTool, ...] = ()
    timeout: float = 120.0  # seconds
    max_output_tokens: int = 0  # 0 = what the endpoint's configuration says
    memo: dict[str, Any] | None = None
    tools_before: tuple[ModelTool, ...] = ()


StopReason = Literal["final", "tool_use", "length", "refusal", "content_filter", "context", "paused"]
"""Why a reply ended: `length` is the bound on output, `context` the model's own size; `paused` wants to be asked
again with what it said so far."""


class ModelReply(msgspec.Struct, frozen=True):
    """What a model said: text, calls, or both. `cost` is in billionths of a US dollar, None where there is no
    price. `passed_over` says which endpoints were tried before, and why they did not answer."""

    text: str
    tool_uses: tuple[ToolUse, ...] = ()
    stop: StopReason = "final"
    usage: Usage = Usage()
    model: str = ""  # the endpoint's own name for what answered
    native: Native | None = None
    reasoning: str = ""  # as far as the endpoint shows it
    response_id: str = ""  # the endpoint's own
    cost: int | None = None
    endpoint: str = ""  # its name in the configuration
    passed_over: tuple[str, ...] = ()


class Piece(msgspec.Struct, frozen=True):
    """Something of a reply as it comes: a piece of its text or of its reasoning; the name of a tool whose call it
    begins to write (`call`); or that all before is void, since the endpoint is asked once more (`again`)."""

    kind: Literal["text", "reasoning", "call", "again"]
    text: str = ""


OnPiece = Callable[[Piece], None]


class EndpointFacts(msgspec.Struct, frozen=True):
    """What a run must know of an endpoint before it asks. 0 = unknown."""

    name: str = ""
    model: str = ""
    provider: str = ""  # OpenTelemetry's word: `openai`, `anthropic`, …
    context_tokens: int = 0
    max_output_tokens: int = 0
    priced: bool = True
    timeout: float = 120.0  # seconds for one reply; more than that, a request has only for asking again


class ModelPort(Protocol):
    facts: EndpointFacts = EndpointFacts()

    async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
        """One reply; with `on_piece`, which gets it as it comes. Raises Unavailable, DeadlineExceeded,
        Overloaded, InvalidResult, Unauthenticated, ConfigurationError (no such model), InvalidRequest, TooLarge
        (ContextExceeded where the conversation is too long); always naming the endpoint."""
        ...
