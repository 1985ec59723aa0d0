"""What OpenAI Responses refuse in a request, by their types and beyond them."""

from typing import Any

from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)

from tests.endpoints.chat_rules import call_faults
from tests.endpoints.schema_rules import openai_schema_faults
from tests.endpoints.speech import Given
from tests.endpoints.typed import type_faults

_LEAST = 16  # max_output_tokens


def responses_faults(body: Any, headers: dict[str, str], given: list[Given]) -> list[str]:
    kind = ResponseCreateParamsStreaming if body.get("stream") else ResponseCreateParamsNonStreaming
    faults = type_faults(body, kind)
    if faults:
        return faults
    items: list[dict[str, Any]] = [] if isinstance(body.get("input"), str) else body.get("input", [])
    faults = _beside(body, headers)
    calls = [item for item in items if item.get("type") == "function_call"]
    return faults + call_faults(calls) + _unanswered(items) + _forgotten(body, items, given)


def _beside(body: Any, headers: dict[str, str]) -> list[str]:
    faults = [f"{key!r} is missing" for key in ("model", "input") if not body.get(key)]
    if not headers.get("content-type", "").startswith("application/json"):
        faults.append(f"content-type {headers.get('content-type')!r}")
    if (body.get("max_output_tokens") or _LEAST) < _LEAST:
        faults.append(f"max_output_tokens: at least {_LEAST}")
    return faults + openai_schema_faults(
        [tool for tool in body.get("tools", []) if tool["type"] == "function"]
    )


def _unanswered(items: list[dict[str, Any]]) -> list[str]:
    """Each call has one output, behind it and before anything that a user says."""
    faults: list[str] = []
    open_calls: list[str] = []
    for place, item in enumerate(items):
        kind = item.get("type", "message")
        if kind == "function_call":
            open_calls.append(item["call_id"])
        elif kind == "function_call_output":
            if item.get("call_id") in open_calls:
                open_calls.remove(item["call_id"])
            else:
                faults.append(f"input[{place}]: no tool call found for call_id {item.get('call_id')!r}")
        elif kind == "message" and open_calls and item.get("role") == "user":
            faults.append(f"input[{place}]: no tool output found for {open_calls}")
    return faults + [f"no tool output found for function call {call}" for call in open_calls]


def _forgotten(body: Any, items: list[dict[str, Any]], given: list[Given]) -> list[str]:
    """Reasoning items go back as they were when they were *done*, in front of the calls that they led to."""
    faults: list[str] = []
    known = {item["id"]: item for reply in given for item in reply.items}
    reasoning = [item for item in items if item.get("type") == "reasoning"]
    faults += [
        f"reasoning {item.get('id')!r} is not as it was given: {item}"
        for item in reasoning
        if known.get(item.get("id", "")) != item
    ]
    if reasoning and body.get("store") is not False:
        faults.append("store must be false where reasoning comes back by its encrypted content")
    for reply in given:
        places = [place for place, item in enumerate(items) if item.get("call_id") in reply.call_ids]
        if not places or not reply.items:
            continue
        wanted = [item["id"] for item in reply.items]
        first = min(places)
        before = [item.get("id") for item in items[:first] if item.get("type") == "reasoning"]
        if before[-len(wanted) :] != wanted and (reasoning or _is_open(items, first)):
            faults.append(f"function_call {reply.call_ids} without its required reasoning items {wanted}")
    return faults


def _is_open(items: list[dict[str, Any]], place: int) -> bool:
    """Whether no user has spoken since."""
    return not any(item.get("role") == "user" for item in items[place:])
