"""What OpenAI chat completions refuse in a request, by their types and beyond them."""

import json
import re
from typing import Any

from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)

from tests.endpoints.schema_rules import openai_schema_faults
from tests.endpoints.speech import Given
from tests.endpoints.typed import type_faults

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VENDORS = ("reasoning_content", "reasoning")


def chat_faults(body: Any, headers: dict[str, str], given: list[Given]) -> list[str]:
    """By type, then by what the service says in words only. The first alone is told where there are any: the
    rest reads what is there."""
    kind = CompletionCreateParamsStreaming if body.get("stream") else CompletionCreateParamsNonStreaming
    faults = type_faults(_without_vendors_own(body, given), kind)
    if faults:
        return faults
    faults = _beside(body, headers)
    messages: list[dict[str, Any]] = body["messages"]
    for place, message in enumerate(messages):
        if message["role"] == "assistant" and message.get("tool_calls"):
            faults += call_faults([call["function"] for call in message["tool_calls"]])
            faults += _unanswered(messages, place)
        elif message["role"] == "tool" and not _follows_calls(messages, place):
            faults.append(f"messages[{place}]: role 'tool' must follow a message with 'tool_calls'")
    return faults + _forgotten(messages, given)


def call_faults(functions: list[dict[str, Any]]) -> list[str]:
    """A model's own calls, sent back: names, and arguments that many servers parse again."""
    faults = [f"{call['name']!r} is no name" for call in functions if not NAME.fullmatch(call["name"])]
    for call in functions:
        try:
            found = json.loads(call["arguments"])
        except ValueError:
            found = None
        if not isinstance(found, dict):
            faults.append(f"the arguments of {call['name']} are no object: {call['arguments'][:80]!r}")
    return faults


def _beside(body: Any, headers: dict[str, str]) -> list[str]:
    faults: list[str] = []
    if not headers.get("content-type", "").startswith("application/json"):
        faults.append(f"content-type {headers.get('content-type')!r}")
    if not body["messages"]:
        faults.append("messages: too short")
    if not body.get("stream") and body.get("stream_options") is not None:
        faults.append("stream_options without stream")
    tools = body.get("tools")
    if tools is None and ("parallel_tool_calls" in body or "tool_choice" in body):
        faults.append("parallel_tool_calls or tool_choice without tools")
    if tools is not None:
        faults += [] if tools else ["tools: too short"]
        faults += openai_schema_faults([tool["function"] for tool in tools])
    return faults


def _unanswered(messages: list[dict[str, Any]], place: int) -> list[str]:
    """Each call has one answer among the tool messages that follow at once."""
    wanted = [call["id"] for call in messages[place]["tool_calls"]]
    answered: list[str] = []
    for message in messages[place + 1 :]:
        if message["role"] != "tool":
            break
        answered.append(message["tool_call_id"])
    if sorted(wanted) == sorted(answered):
        return []
    return [f"messages[{place}]: calls {wanted} are answered by {answered}"]


def _follows_calls(messages: list[dict[str, Any]], place: int) -> bool:
    before = [message for message in messages[:place] if message["role"] != "tool"]
    return bool(before) and bool(before[-1].get("tool_calls"))


def _without_vendors_own(body: Any, given: list[Given]) -> Any:
    """A vendor's own field of reasoning goes back to the vendor: it is in no type of OpenAI's."""
    if not any(reply.items for reply in given) or not isinstance(body.get("messages"), list):
        return body
    messages = [
        {key: message[key] for key in message if key not in _VENDORS}
        if message.get("role") == "assistant"
        else message
        for message in body["messages"]
    ]
    return body | {"messages": messages}


def _forgotten(messages: list[dict[str, Any]], given: list[Given]) -> list[str]:
    """Reasoning that belongs to calls of the round that is open, and was not sent back as it was."""
    opened = max((place for place, message in enumerate(messages) if message["role"] == "user"), default=-1)
    faults: list[str] = []
    for place, message in enumerate(messages):
        ids = tuple(call["id"] for call in message.get("tool_calls") or ())
        found = {name: message[name] for name in _VENDORS if name in message}
        known = next((reply for reply in given if ids and reply.call_ids == ids), None)
        if known is not None:
            wanted = dict(known.items)
            if (found or place > opened) and found != wanted:
                faults.append(f"messages[{place}]: reasoning {found} instead of {wanted}")
        elif found and not any(dict(reply.items) == found for reply in given):
            faults.append(f"messages[{place}]: reasoning that is not of this endpoint: {found}")
    return faults
