"""OpenAI Responses, from the endpoint's side."""

from collections.abc import Iterator
from typing import Any

from tests.endpoints.chat import openai_error
from tests.endpoints.responses_rules import responses_faults
from tests.endpoints.script import Failure, Reply, Tokens, cut_up
from tests.endpoints.speech import CREATED, MODEL, Event, Given, sealed


class ResponsesSpeech:
    def whole(self, reply: Reply, number: int) -> Any:
        return _response(reply, number, _items(reply, number))

    def streamed(self, reply: Reply, number: int) -> list[Event]:
        items = _items(reply, number)
        begun = _response(reply, number, []) | {
            "status": "in_progress",
            "incomplete_details": None,
            "usage": None,
        }
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": begun},
            {"type": "response.in_progress", "response": begun},
        ]
        said = [item for item in items if item["type"] != "function_call"]
        for index, item in enumerate(said):
            events += _told(item, index, reply.sending.piece)
        turns = [
            _told(item, index, reply.sending.piece) for index, item in enumerate(items) if item not in said
        ]
        if reply.sending.apart:
            turns = [[event for told in turns for event in told]]
        while any(turns):  # the events of several calls take turns, as they may
            events += [told.pop(0) for told in turns if told]
        done = _response(reply, number, items)
        events.append({"type": f"response.{done['status']}", "response": done})
        numbered: list[dict[str, Any]] = [
            event | {"sequence_number": place} for place, event in enumerate(events)
        ]
        return [Event(event, event["type"]) for event in numbered]

    def failure(self, failure: Failure) -> Any:
        return openai_error(failure)

    def broken_off(self, failure: Failure, number: int) -> Event:
        """A failure that ends the response; a broken server says so with a bare `error`."""
        if failure.status >= 500:
            error = {"code": failure.code or "server_error", "message": failure.message}
            response = _response(Reply(), number, []) | {"status": "failed", "error": error, "usage": None}
            event: dict[str, Any] = {"type": "response.failed", "response": response}
        else:
            found: dict[str, Any] = openai_error(failure)["error"]
            event = {"type": "error", "code": found["code"], "message": failure.message, "param": None}
        return Event(event | {"sequence_number": 99}, str(event["type"]))

    def noise(self) -> list[bytes]:
        return [
            Event({"type": "keepalive", "sequence_number": 7}, "keepalive").encode(),
            b": nothing\n\n",
            Event(
                {"type": "response.weather.changed", "sky": {"blue": [1]}}, "response.weather.changed"
            ).encode(),
        ]

    def given(self, reply: Reply, number: int) -> Given:
        items = _items(reply, number)
        ids = tuple(item["call_id"] for item in items if item["type"] == "function_call")
        return Given(ids, tuple(item for item in items if item["type"] == "reasoning"))

    def faults(self, body: Any, headers: dict[str, str], given: list[Given]) -> list[str]:
        return responses_faults(body, headers, given)


def _response(reply: Reply, number: int, items: list[dict[str, Any]]) -> dict[str, Any]:
    reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
    reason = reasons.get(reply.why)
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": CREATED,
        "status": "incomplete" if reason else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": None,
        "max_output_tokens": None,
        "model": MODEL,
        "output": items,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": "medium", "summary": "detailed"},
        "service_tier": "default",
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": _usage(reply.tokens),
        "user": None,
        "metadata": {},
    }


def _items(reply: Reply, number: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if reply.reasoning or reply.sealed:
        summary = [{"type": "summary_text", "text": reply.reasoning}] if reply.reasoning else []
        items.append(
            {
                "id": f"rs_{number}",
                "type": "reasoning",
                "summary": summary,
                "encrypted_content": sealed(number, "encrypted"),
            }
        )
    if reply.text:
        items.append(
            {
                "id": f"msg_{number}",
                "type": "message",
                "status": "incomplete" if reply.why == "length" else "completed",
                "role": "assistant",
                "content": [_part(reply)],
            }
        )
    for place, call in enumerate(reply.calls):
        items.append(
            {
                "id": f"fc_{number}_{place}",
                "type": "function_call",
                "status": "completed",
                "arguments": call.json,
                "call_id": call.id or f"call_{number}_{place}",
                "name": call.name,
            }
        )
    return items


def _part(reply: Reply) -> dict[str, Any]:
    if reply.why == "refusal":
        return {"type": "refusal", "refusal": reply.text}
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": reply.text}


def _told(item: dict[str, Any], index: int, size: int) -> list[dict[str, Any]]:
    """The events of one output item."""
    at = {"output_index": index}
    tell = {"reasoning": _reasoning, "message": _said, "function_call": _called}[item["type"]]
    begun = next(tell(item, size))
    return [
        {"type": "response.output_item.added", "item": begun, **at},
        *(event | at | {"item_id": item["id"]} for event in list(tell(item, size))[1:]),
        {"type": "response.output_item.done", "item": item, **at},
    ]


def _reasoning(item: dict[str, Any], size: int) -> Iterator[dict[str, Any]]:
    """First the item as it begins: its content is not yet the one that must be echoed."""
    yield item | {"summary": [], "encrypted_content": "gAAAAABnotyet"}
    at, kind = {"summary_index": 0}, "response.reasoning_summary"
    for part in item["summary"]:
        yield {"type": f"{kind}_part.added", "part": part | {"text": ""}, **at}
        for piece in cut_up(part["text"], size):
            yield {"type": f"{kind}_text.delta", "delta": piece, "obfuscation": "x", **at}
        yield {"type": f"{kind}_text.done", "text": part["text"], **at}
        yield {"type": f"{kind}_part.done", "part": part, **at}


def _said(item: dict[str, Any], size: int) -> Iterator[dict[str, Any]]:
    yield item | {"status": "in_progress", "content": []}
    at = {"content_index": 0}
    [part] = item["content"]
    refused = part["type"] == "refusal"
    name, kind = ("refusal", "response.refusal") if refused else ("text", "response.output_text")
    more: dict[str, Any] = {} if refused else {"logprobs": []}
    yield {"type": "response.content_part.added", "part": part | {name: ""}, **at}
    for piece in cut_up(part[name], size):
        yield {"type": f"{kind}.delta", "delta": piece, **more, **at}
    yield {"type": f"{kind}.done", name: part[name], **more, **at}
    yield {"type": "response.content_part.done", "part": part, **at}


def _called(item: dict[str, Any], size: int) -> Iterator[dict[str, Any]]:
    yield item | {"status": "in_progress", "arguments": ""}
    kind = "response.function_call_arguments"
    for piece in cut_up(item["arguments"], size):
        yield {"type": f"{kind}.delta", "delta": piece}
    yield {"type": f"{kind}.done", "arguments": item["arguments"], "name": item["name"]}


def _usage(tokens: Tokens) -> dict[str, Any]:
    return {
        "input_tokens": tokens.input,
        "input_tokens_details": {"cached_tokens": tokens.cached, "cache_write_tokens": tokens.written},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.input + tokens.output,
    }
