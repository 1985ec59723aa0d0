"""OpenAI chat completions, from the endpoint's side."""

import json
from typing import Any

from tests.endpoints.chat_rules import chat_faults
from tests.endpoints.script import Failure, Raw, Reply, Tokens, cut_up
from tests.endpoints.speech import CREATED, MODEL, Event, Given

_FINISH = {
    "final": "stop",
    "tool_use": "tool_calls",
    "refusal": "stop",
    "paused": "stop",
    "context": "length",
}


class ChatSpeech:
    def whole(self, reply: Reply, number: int) -> Any:
        refused = reply.why == "refusal"
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if refused else reply.text or None,
            "refusal": reply.text if refused else None,
            "annotations": [],
        }
        if reply.reasoning:
            message[reply.vendor] = reply.reasoning
        if reply.calls:
            message["tool_calls"] = [
                {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": call.json}}
                for call_id, call in zip(call_ids(reply, number), reply.calls, strict=True)
            ]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(reply)}
        return _head(number, "chat.completion") | {"choices": [choice], "usage": usage(reply.tokens)}

    def streamed(self, reply: Reply, number: int) -> list[Event]:
        size = reply.sending.piece
        field = "refusal" if reply.why == "refusal" else "content"
        said: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}]
        said += [{reply.vendor: piece, "content": None} for piece in cut_up(reply.reasoning, size)]
        said += [{field: piece} for piece in cut_up(reply.text, size)]
        said += [{"tool_calls": [part]} for part in _fragments(reply, number, size)]
        chunks = [_chunk(number, [_choice(delta)]) for delta in said]
        chunks.append(_chunk(number, [_choice({}, _finish(reply))]))
        chunks.append(_chunk(number, []) | {"usage": usage(reply.tokens)})
        return [*(Event(chunk) for chunk in chunks), Event("[DONE]")]

    def failure(self, failure: Failure) -> Any:
        return openai_error(failure)

    def broken_off(self, failure: Failure, number: int) -> Event:
        return Event(openai_error(failure))

    def noise(self) -> list[bytes]:
        return [
            b": OPENROUTER PROCESSING\n\n",
            Event(_chunk(0, []) | {"prompt_filter_results": [{"prompt_index": 0}], "usage": None}).encode(),
            Event(_chunk(0, [_choice({}) | {"content_filter_results": {}}]) | {"new": {"a": [1]}}).encode(),
        ]

    def given(self, reply: Reply, number: int) -> Given:
        items = ((reply.vendor, reply.reasoning),) if reply.reasoning else ()
        return Given(call_ids(reply, number), items)

    def faults(self, body: Any, headers: dict[str, str], given: list[Given]) -> list[str]:
        return chat_faults(body, headers, given)


def call_ids(reply: Reply, number: int) -> tuple[str, ...]:
    return tuple(call.id or f"call_{number}_{place}" for place, call in enumerate(reply.calls))


def usage(tokens: Tokens) -> dict[str, Any]:
    return {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {
            "cached_tokens": tokens.cached,
            "cache_write_tokens": tokens.written,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def openai_error(failure: Failure) -> Any:
    kind = "server_error" if failure.status >= 500 else "invalid_request_error"
    code = failure.code or ("rate_limit_exceeded" if failure.status == 429 else None)
    return {"error": {"message": failure.message, "type": kind, "param": None, "code": code}}


# --- for tests of this wire alone -----------------------------------------------------------------------


def delta(*, finish: str | None = None, **said: Any) -> dict[str, Any]:
    """A chunk whose only choice says this."""
    return {"model": MODEL, "choices": [{"index": 0, "delta": said, "finish_reason": finish}]}


def events(*chunks: dict[str, Any] | str, cut: bool = False, done: bool = True) -> Raw:
    """A stream of exactly these chunks; a string is sent as the data that it is."""
    texts = [chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks]
    if done and not cut:
        texts.append("[DONE]")
    pieces = tuple(Event(text).encode() for text in texts)
    return Raw(pieces, 200, {"content-type": "text/event-stream"}, cut=cut)


# --- the parts ------------------------------------------------------------------------------------------


def _head(number: int, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{number}",
        "object": kind,
        "created": CREATED,
        "model": MODEL,
        "service_tier": "default",
        "system_fingerprint": "fp_scripted",
    }


def _chunk(number: int, choices: list[dict[str, Any]]) -> dict[str, Any]:
    """`usage` stands in every chunk, as null, once it was asked for."""
    return _head(number, "chat.completion.chunk") | {"choices": choices, "usage": None, "obfuscation": "aB3"}


def _choice(said: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": said, "logprobs": None, "finish_reason": finish}


def _fragments(reply: Reply, number: int, size: int) -> list[dict[str, Any]]:
    """Those of several calls take turns, as they may, unless the script says otherwise."""
    queues: list[list[dict[str, Any]]] = []
    for index, (call_id, call) in enumerate(zip(call_ids(reply, number), reply.calls, strict=True)):
        function = {"name": call.name, "arguments": ""}
        first = {"index": index, "id": call_id, "type": "function", "function": function}
        rest = [{"index": index, "function": {"arguments": part}} for part in cut_up(call.json, size)]
        queues.append([first, *rest])
    parts: list[dict[str, Any]] = []
    if reply.sending.apart:
        return [part for queue in queues for part in queue]
    while any(queues):
        parts += [queue.pop(0) for queue in queues if queue]
    return parts


def _finish(reply: Reply) -> str:
    return reply.finish or _FINISH.get(reply.why, reply.why)
