"""What people, models and tools said, as attributes of spans: bounded, and only where that is asked for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.core.ports import Message, ModelReply, ToolUse
from toolward.telemetry import names
from toolward.telemetry.tracing import Value
from toolward.types import ToolResult

MAX_TEXT = 4096
"""Characters of one text that a span holds."""

MAX_MESSAGES = 32 * 1024
"""Characters of a request's messages that a span holds, those of the newest."""


def asked(messages: Sequence[Message]) -> Mapping[str, Value]:
    """OpenTelemetry's shape: messages of parts; the oldest are left out where there are too many."""
    system = [_text(message.text) for message in messages if message.role == "system"]
    said = _newest(message for message in reversed(messages) if message.role != "system")
    return {names.INSTRUCTIONS: _json(system), names.INPUT_MESSAGES: f"[{','.join(said)}]"}


def answered(reply: ModelReply, finish: str) -> Mapping[str, Value]:
    parts = [_text(reply.text)] if reply.text else []
    if reply.reasoning:
        parts.append({"type": "reasoning", "content": reply.reasoning[:MAX_TEXT]})
    parts += map(_use, reply.tool_uses)
    return {names.OUTPUT_MESSAGES: _json([{"role": "assistant", "parts": parts, "finish_reason": finish}])}


def called(arguments_json: str) -> Mapping[str, Value]:
    return {names.CALL_ARGUMENTS: arguments_json[:MAX_TEXT]}


def came(result: ToolResult) -> Mapping[str, Value]:
    return {names.CALL_RESULT: result.text[:MAX_TEXT]}


def _newest(backwards: Iterable[Message]) -> list[str]:
    kept: list[str] = []
    size = 0
    for message in backwards:
        made = _json(_message(message))
        size += len(made)
        if size > MAX_MESSAGES:
            break
        kept.append(made)
    return kept[::-1]


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        text = message.text[:MAX_TEXT]
        parts = [{"type": "tool_call_response", "id": message.tool_use_id, "response": text}]
    else:
        parts = ([_text(message.text)] if message.text else []) + [*map(_use, message.tool_uses)]
    return {"role": message.role, "parts": parts}


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "content": text[:MAX_TEXT]}


def _use(use: ToolUse) -> dict[str, str]:
    return {
        "type": "tool_call",
        "id": use.id,
        "name": use.name,
        "arguments": use.arguments_json[:MAX_TEXT],
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
