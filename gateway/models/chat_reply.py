"""A reply of the chat-completions wire put together from its parts: one part when it came whole, many when it was
streamed."""

from collections.abc import Mapping
from typing import Any, Literal, cast

import msgspec

from gateway.core.ports import Message, ModelReply, Native, OnPiece, Piece, StopReason, ToolUse, Usage
from gateway.models.chat_calls import Call, Calls
from gateway.models.chat_shapes import Completion, Said, TokenCounts, decode
from gateway.models.echoed import arguments_object
from gateway.models.schemas import Adapted
from gateway.models.wire import Reader, Reported
from toolward.types import JsonObject

_STOPS: dict[str, StopReason] = {
    "stop": "final",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "length": "length",
    "max_tokens": "length",
    "model_length": "context",  # Mistral
    "content_filter": "content_filter",
    "refusal": "refusal",
}
_BROKE_OFF = {
    "error": "the reply ended with an error",  # OpenRouter, Mistral
    "abort": "the reply was aborted",  # vLLM
    "insufficient_system_resource": "it has not the resources to go on",  # DeepSeek
}
_DONE = b"[DONE]"
_GROWING = ("text", "summary", "data")  # of a reasoning detail


class ChatReader(Reader):
    """See Reader."""

    def __init__(
        self,
        source: str,
        adapted: Mapping[str, Adapted],
        earlier: tuple[Message, ...],
        on_piece: OnPiece | None,
    ) -> None:
        """`adapted` are the schemas by the names of the tools. `earlier` is what it replies to:
        from that come ids where the endpoint gave none."""
        self._source = source
        self._adapted = adapted
        self._earlier = earlier
        self._on_piece = on_piece
        self._text: list[str] = []
        self._calls = Calls(lambda name: self._tell("call", name))
        self._reasoning: list[str] = []
        self._fields: dict[str, list[str]] = {}  # of reasoning, as they came
        self._details: list[JsonObject] = []
        self._finish = ""
        self._refused = False
        self._usage = Usage()
        self._model = ""
        self._id = ""

    def whole(self, raw: bytes) -> None:
        part = decode(raw)
        if not part.choices and not part.error:
            raise ValueError("it holds no choices")
        self._add(part)

    def event(self, name: str, data: bytes) -> bool:
        if data == _DONE:
            return True
        part = decode(data)
        if name == "error" and not part.error:  # the failure itself is the data
            raise Reported(msgspec.json.decode(data))
        self._add(part)
        return False

    @property
    def finished(self) -> bool:
        return bool(self._finish)

    def reply(self) -> ModelReply:
        """Raises ValueError for a tool call without a name, Reported where the endpoint broke off."""
        if self._finish in _BROKE_OFF:
            raise Reported({"message": _BROKE_OFF[self._finish], "code": 503})
        calls = self._calls.in_order(self._earlier)
        stop = _STOPS.get(self._finish, "final")
        if self._refused:
            stop = "refusal"
        elif stop in ("final", "tool_use"):  # several servers say `stop` where there are calls
            stop = "tool_use" if calls else "final"
        return ModelReply(
            "".join(self._text),
            tuple(self._use(call) for call in calls),
            stop,
            self._usage,
            self._model,
            native=self._native(calls),
            reasoning="".join(self._reasoning),
            response_id=self._id,
        )

    def _add(self, part: Completion) -> None:
        if part.error:
            raise Reported(part.error)
        self._model = part.model or self._model
        self._id = self._id or str(part.id or "")
        if part.usage is not None:
            self._usage = _usage(part.usage)
        for choice in part.choices or ():
            if choice.index != 0:  # one reply was asked for
                continue
            if choice.error:
                raise Reported(choice.error)
            said = choice.message or choice.delta
            if said is not None:
                self._add_said(said)
            self._finish = choice.finish_reason or self._finish

    def _add_said(self, said: Said) -> None:
        if said.reasoning_content or said.reasoning or said.reasoning_details:
            self._add_reasoning(said)
        text = said.content if isinstance(said.content, str) else said.text
        if said.refusal:
            self._refused = True
            text = text or said.refusal
        if text:
            self._text.append(text)
            self._tell("text", text)
        for part in said.tool_calls or ():
            self._calls.add(part)

    def _add_reasoning(self, said: Said) -> None:
        """The same words may come in two fields; people see them once."""
        shown = ""
        for field in ("reasoning_content", "reasoning"):
            words = getattr(said, field)
            if isinstance(words, str) and words:
                self._fields.setdefault(field, []).append(words)
                shown = shown or words
        details: Any = said.reasoning_details
        for detail in cast(list[Any], details) if isinstance(details, list) else ():
            if isinstance(detail, dict):
                self._add_detail(cast(JsonObject, detail))
        if shown:
            self._reasoning.append(shown)
            self._tell("reasoning", shown)

    def _add_detail(self, detail: JsonObject) -> None:
        """A fragment belongs to the last one if it is of the same kind and index."""
        last = self._details[-1] if self._details else None
        if last is None or any(last.get(key) != detail.get(key) for key in ("type", "index")):
            self._details.append(dict(detail))
            return
        for key, value in detail.items():
            grows = key in _GROWING and isinstance(value, str) and isinstance(last.get(key), str)
            if value is not None:
                last[key] = last[key] + value if grows else value

    def _use(self, call: Call) -> ToolUse:
        known = self._adapted.get(call.name)
        return ToolUse(call.id, call.name, known.restored(call.arguments) if known else call.arguments)

    def _native(self, calls: list[Call]) -> Native | None:
        """The message as it came, where it holds more than text and calls."""
        if not self._fields and not self._details and all(call.extra is None for call in calls):
            return None
        message: JsonObject = {"role": "assistant", "content": "".join(self._text) or None}
        message |= {field: "".join(words) for field, words in self._fields.items()}
        if self._details:
            message["reasoning_details"] = self._details
        if calls:
            message["tool_calls"] = [_as_it_came(call) for call in calls]
        return Native(self._source, msgspec.json.encode(message).decode())

    def _tell(self, kind: Literal["text", "reasoning", "call"], text: str) -> None:
        if self._on_piece is not None:
            self._on_piece(Piece(kind, text))


def _as_it_came(call: Call) -> JsonObject:
    function = {"name": call.name, "arguments": arguments_object(call.arguments)}
    extra = {} if call.extra is None else {"extra_content": call.extra}
    return {"id": call.id, "type": "function", "function": function, **extra}


def _usage(counts: TokenCounts) -> Usage:
    read, said = counts.prompt_tokens or 0, counts.completion_tokens or 0
    details, thought = counts.prompt_tokens_details, counts.completion_tokens_details
    cached = (
        (details.cached_tokens if details else None) or counts.prompt_cache_hit_tokens or counts.cached_tokens
    )
    written = details.cache_write_tokens if details else None
    reasoning = (thought.reasoning_tokens if thought else None) or 0
    if reasoning and (counts.total_tokens or 0) >= read + said + reasoning:  # xAI and Gemini count it beside
        said += reasoning
    return Usage(read, said, cached or 0, written or 0, reasoning)
