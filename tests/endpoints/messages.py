"""Anthropic Messages, from the endpoint's side."""

import json
from typing import Any

from tests.endpoints.messages_rules import messages_faults
from tests.endpoints.script import Failure, Reply, Tokens, cut_up
from tests.endpoints.speech import MODEL, Event, Given, sealed

_STOPS = {
    "final": "end_turn",
    "length": "max_tokens",
    "content_filter": "refusal",
    "context": "model_context_window_exceeded",
    "paused": "pause_turn",
}
_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class MessagesSpeech:
    def whole(self, reply: Reply, number: int) -> Any:
        return _message(reply, number) | {
            "content": _blocks(reply, number),
            "stop_reason": _stop(reply),
            "usage": _usage(reply.tokens),
        }

    def streamed(self, reply: Reply, number: int) -> list[Event]:
        first = _usage(reply.tokens) | {"output_tokens": 1}
        del first["output_tokens_details"]
        start: dict[str, Any] = _message(reply, number) | {"content": [], "stop_reason": None, "usage": first}
        events: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
        for index, block in enumerate(_blocks(reply, number)):
            events.append({"type": "content_block_start", "index": index, "content_block": _begun(block)})
            if index == 0:
                events.append({"type": "ping"})
            deltas = _deltas(block, reply, reply.sending.piece)
            events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
            events.append({"type": "content_block_stop", "index": index})
        delta = {"stop_reason": _stop(reply), "stop_sequence": None}
        events.append({"type": "message_delta", "delta": delta, "usage": _usage_at_the_end(reply.tokens)})
        events.append({"type": "message_stop"})
        return [Event(event, event["type"]) for event in events]

    def failure(self, failure: Failure) -> Any:
        kind = failure.code or _ERRORS.get(failure.status, "api_error")
        error = {"type": kind, "message": failure.message}
        return {"type": "error", "error": error, "request_id": "req_scripted"}

    def broken_off(self, failure: Failure, number: int) -> Event:
        return Event(self.failure(failure), "error")

    def noise(self) -> list[bytes]:
        return [
            Event({"type": "ping"}, "ping").encode(),
            b": nothing\n\n",
            Event({"type": "message_weather", "sky": {"blue": [1, None]}}, "message_weather").encode(),
        ]

    def given(self, reply: Reply, number: int) -> Given:
        blocks = _blocks(reply, number)
        ids = tuple(block["id"] for block in blocks if block["type"] == "tool_use")
        return Given(ids, tuple(block for block in blocks if "thinking" in block["type"]))

    def faults(self, body: Any, headers: dict[str, str], given: list[Given]) -> list[str]:
        return messages_faults(body, headers, given)


def _message(reply: Reply, number: int) -> dict[str, Any]:
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "stop_sequence": None,
        "container": None,
    }


def _blocks(reply: Reply, number: int) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if reply.reasoning:
        signature = sealed(number, "signature")
        blocks.append({"type": "thinking", "thinking": reply.reasoning, "signature": signature})
    if reply.sealed:
        blocks.append({"type": "redacted_thinking", "data": sealed(number, "redacted")})
    if reply.text:
        blocks.append({"type": "text", "text": reply.text, "citations": None})
    for place, call in enumerate(reply.calls):
        call_id = call.id or f"toolu_{number}_{place}"
        blocks.append(
            {"type": "tool_use", "id": call_id, "name": call.name, "input": _object(call.arguments)}
        )
    return blocks


def _object(arguments: Any) -> Any:
    """A whole reply of this wire holds an object: of broken text there is nothing that it could hold."""
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except ValueError:
        return {}


def _begun(block: dict[str, Any]) -> dict[str, Any]:
    """A block as `content_block_start` has it: what comes by deltas is empty there."""
    match block["type"]:
        case "thinking":
            return block | {"thinking": "", "signature": ""}
        case "text":
            return block | {"text": ""}
        case "tool_use":
            return block | {"input": {}}
        case _:
            return block


def _deltas(block: dict[str, Any], reply: Reply, size: int) -> list[dict[str, Any]]:
    match block["type"]:
        case "thinking":
            said = [{"type": "thinking_delta", "thinking": part} for part in cut_up(block["thinking"], size)]
            return [*said, {"type": "signature_delta", "signature": block["signature"]}]
        case "text":
            return [{"type": "text_delta", "text": part} for part in cut_up(block["text"], size)]
        case "tool_use":
            text = _text_of(block, reply)
            parts = ["", *(cut_up(text, size) if text != "{}" else [])]
            return [{"type": "input_json_delta", "partial_json": part} for part in parts]
        case _:
            return []


def _text_of(block: dict[str, Any], reply: Reply) -> str:
    """A streamed reply may break its arguments, as they come in text."""
    texts = [call.arguments for call in reply.calls if call.name == block["name"]]
    broken = [text for text in texts if isinstance(text, str)]
    return broken[0] if broken else json.dumps(block["input"])


def _usage(tokens: Tokens) -> dict[str, Any]:
    """`input_tokens` of this wire holds neither what was read from the cache nor what was written to it."""
    return {
        "input_tokens": tokens.input - tokens.cached - tokens.written,
        "cache_creation_input_tokens": tokens.written,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": tokens.written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": tokens.output,
        "output_tokens_details": {"thinking_tokens": tokens.reasoning},
        "service_tier": "standard",
    }


def _usage_at_the_end(tokens: Tokens) -> dict[str, Any]:
    """Cumulative: it repeats the input's and does not add to it."""
    found = _usage(tokens)
    return {name: found[name] for name in found if name not in ("cache_creation", "service_tier")}


def _stop(reply: Reply) -> str:
    return reply.finish or _STOPS.get(reply.why, reply.why)
