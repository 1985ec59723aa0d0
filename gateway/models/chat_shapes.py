"""What comes back over the chat-completions wire, as values. It is spoken by many servers with small liberties;
where one is common and harmless it is taken as meant, everything else is a malformed reply."""

from typing import Any

import msgspec

from toolward.types import JsonObject


class Function(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | JsonObject | None = None  # JSON text; some servers send the object itself


class ToolCallPart(msgspec.Struct, frozen=True):
    """A tool call, or in a stream a fragment of one."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None
    extra_content: Any = None  # Gemini's signature of a thought, wanted back with the call


class TextPart(msgspec.Struct, frozen=True):
    text: str | None = None


class Said(msgspec.Struct, frozen=True):
    """A reply's `message`, or in a stream its `delta`. Reasoning is no part of the wire: each vendor has its own
    field for it."""

    content: str | list[TextPart] | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallPart] | None = None
    reasoning_content: Any = None  # text: DeepSeek, vLLM, llama.cpp, SGLang
    reasoning: Any = None  # text: OpenRouter, Ollama, Groq, later vLLM
    reasoning_details: Any = None  # objects: OpenRouter

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text or "" for part in self.content)
        return self.content or ""


class Choice(msgspec.Struct, frozen=True):
    index: int = 0
    message: Said | None = None
    delta: Said | None = None
    finish_reason: str | None = None
    error: Any = None  # OpenRouter's place for a failure in the middle


class InputDetails(msgspec.Struct, frozen=True):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None  # OpenRouter


class OutputDetails(msgspec.Struct, frozen=True):
    reasoning_tokens: int | None = None


class TokenCounts(msgspec.Struct, frozen=True):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None
    prompt_cache_hit_tokens: int | None = None  # DeepSeek
    cached_tokens: int | None = None  # Moonshot


class Completion(msgspec.Struct, frozen=True):
    """A whole reply, or one chunk of a streamed one."""

    id: str | int | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: TokenCounts | None = None
    error: Any = None  # some servers report a failure in a reply of status 200, or in the middle of a stream


_COMPLETION = msgspec.json.Decoder(Completion)


def decode(raw: bytes) -> Completion:
    """Raises ValueError for what is no UTF-8, no JSON, or not of this shape."""
    try:
        return _COMPLETION.decode(raw)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
