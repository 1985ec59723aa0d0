"""What Anthropic Messages refuse in a request, by their types and beyond them."""

import re
from typing import Any

from anthropic.types.message_create_params import (
    MessageCreateParamsNonStreaming,
    MessageCreateParamsStreaming,
)

from tests.endpoints.schema_rules import anthropic_schema_faults
from tests.endpoints.speech import Given
from tests.endpoints.typed import type_faults

_ID = re.compile(r"[A-Za-z0-9_-]+")
_VERSIONS = ("2023-06-01", "2026-10-21")
_MARKS = 4  # cache breakpoints of one request
_THINKING = ("thinking", "redacted_thinking")


def messages_faults(body: Any, headers: dict[str, str], given: list[Given]) -> list[str]:
    kind = MessageCreateParamsStreaming if body.get("stream") else MessageCreateParamsNonStreaming
    faults = type_faults(body, kind)
    if faults:
        return faults
    messages = [(message["role"], _blocks(message["content"])) for message in body["messages"]]
    faults = _beside(body, headers) + _marks(body, messages)
    for place, (role, blocks) in enumerate(messages):
        at = f"messages.{place}"
        faults += [f"{at}: {fault}" for fault in _block_faults(role, blocks)]
        if place and messages[place - 1][0] == role:
            faults.append(f"{at}: roles must alternate, and {role!r} comes twice")
        after = messages[place + 1][1] if place + 1 < len(messages) else []
        before = messages[place - 1][1] if place else []
        faults += [f"{at}: {fault}" for fault in _answers(blocks, before, after)]
    return faults + _forgotten(messages, given)


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _beside(body: Any, headers: dict[str, str]) -> list[str]:
    faults: list[str] = []
    if headers.get("anthropic-version") not in _VERSIONS:
        faults.append(f"anthropic-version: {headers.get('anthropic-version')!r}")
    if not headers.get("content-type", "").startswith("application/json"):
        faults.append(f"content-type {headers.get('content-type')!r}")
    if not body["messages"] or body["messages"][0]["role"] != "user":
        faults.append("messages: the first must be a user's")
    if body["max_tokens"] < 1:
        faults.append("max_tokens: must be at least 1")
    thinking: dict[str, Any] = body.get("thinking") or {}
    if thinking.get("type") == "enabled" and not 1024 <= thinking["budget_tokens"] < body["max_tokens"]:
        faults.append("thinking.budget_tokens: at least 1024, and below max_tokens")
    choice: dict[str, Any] = body.get("tool_choice") or {"type": "auto"}
    if thinking.get("type") in ("enabled", "adaptive") and choice["type"] not in ("auto", "none"):
        faults.append("tool_choice: thinking may not be enabled where it forces tool use")
    if "tool_choice" in body and not body.get("tools"):
        faults.append("tool_choice may only be specified while providing tools")
    return faults + anthropic_schema_faults(body.get("tools", []))


def _marks(body: Any, messages: list[tuple[str, list[dict[str, Any]]]]) -> list[str]:
    system: list[dict[str, Any]] = [] if isinstance(body.get("system"), str) else body.get("system", [])
    tools: list[dict[str, Any]] = body.get("tools", [])
    inside: list[dict[str, Any]] = [
        inner
        for _, blocks in messages
        for block in blocks
        if block["type"] == "tool_result" and isinstance(block.get("content"), list)
        for inner in block["content"]
    ]
    all_blocks = [
        *tools,
        *system,
        *inside,
        *(block for _, said in messages for block in said),
    ]
    marked = [block for block in all_blocks if block.get("cache_control")]
    faults = [f"a maximum of {_MARKS} blocks with cache_control, found {len(marked)}"]
    faults = faults if len(marked) + bool(body.get("cache_control")) > _MARKS else []
    for block in marked:
        if block.get("type") in _THINKING or (block.get("type") == "text" and not block["text"]):
            faults.append("cache_control cannot be set for thinking or empty text blocks")
    return faults


def _block_faults(role: str, blocks: list[dict[str, Any]]) -> list[str]:
    faults = [] if blocks else ["content must be non-empty"]
    for block in blocks:
        if block["type"] == "text" and not block["text"].strip():
            faults.append("text content blocks must contain non-whitespace text")
        if block["type"] in ("tool_use", *_THINKING) and role != "assistant":
            faults.append(f"{block['type']} blocks are an assistant's only")
        if block["type"] == "tool_use":
            faults += [] if isinstance(block["input"], dict) else ["tool_use.input: no object"]
            faults += [] if _ID.fullmatch(block["id"]) else [f"tool_use.id: {block['id']!r}"]
        if block["type"] == "tool_result" and role != "user":
            faults.append("tool_result blocks are a user's only")
    return faults


def _answers(
    blocks: list[dict[str, Any]], before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> list[str]:
    """Each `tool_use` has its `tool_result` in the next message, and the results come before all else there."""
    faults: list[str] = []
    wanted = sorted(block["id"] for block in blocks if block["type"] == "tool_use")
    results = [block["tool_use_id"] for block in after if block["type"] == "tool_result"]
    if wanted and wanted != sorted(results):
        faults.append(f"tool_use ids {wanted} are answered by {results} in the next message")
    asked = {block["id"] for block in before if block["type"] == "tool_use"}
    kinds = [block["type"] == "tool_result" for block in blocks]
    faults += [
        f"unexpected tool_use_id {block['tool_use_id']!r} in tool_result blocks"
        for block in blocks
        if block["type"] == "tool_result" and block["tool_use_id"] not in asked
    ]
    if sorted(kinds, reverse=True) != kinds:
        faults.append("tool_result blocks must come first")
    return faults


def _forgotten(messages: list[tuple[str, list[dict[str, Any]]]], given: list[Given]) -> list[str]:
    """Thinking blocks are sent back unmodified and in their order; while a round of tools is open, they must."""
    said_by_user = [
        place
        for place, (role, blocks) in enumerate(messages)
        if role == "user" and not any(block["type"] == "tool_result" for block in blocks)
    ]
    opened = max(said_by_user, default=-1)
    faults: list[str] = []
    for place, (role, blocks) in enumerate(messages):
        if role != "assistant":
            continue
        ids = tuple(block["id"] for block in blocks if block["type"] == "tool_use")
        found = [block for block in blocks if block["type"] in _THINKING]
        known = next((reply for reply in given if ids and reply.call_ids == ids), None)
        if known is not None:
            if (found or place > opened) and found != list(known.items):
                faults.append(f"messages.{place}: thinking blocks cannot be modified or left out: {found}")
            elif found and blocks[: len(found)] != found:
                faults.append(f"messages.{place}: thinking blocks must come first")
        elif found and not any(list(reply.items) == found for reply in given):
            faults.append(f"messages.{place}: Invalid `signature` in `thinking` block")
    return faults
