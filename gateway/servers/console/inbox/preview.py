"""What a call would change, before somebody says yes to it: its tool is called with `dry_run`, where it takes that.

A preview is a call like any other: as the person who looks, through policy, and only where policy lets them make it
without asking anybody. What goes wrong with it is told in its place, and hides nothing else.
"""

from typing import Any, NamedTuple, cast

import msgspec

from gateway.core.catalog import CatalogTool
from gateway.servers.console.parts import Parts
from toolward.errors import ToolwardError
from toolward.types import CallContext, Json, JsonObject, Principal, ToolCall, ToolResult

DRY_RUN = "dry_run"
SECONDS = 5.0
"""That it may take: the page waits for it."""
MAX_ROWS, MAX_TEXT = 100, 20_000


class Change(NamedTuple):
    """One field; what it is now and what it would be are JSON."""

    field: str
    current: Json
    proposed: Json


class Preview(NamedTuple):
    """`changes` where the tool says them field by field, otherwise its `text`; `problem` says why neither."""

    says: str = ""
    changes: tuple[Change, ...] = ()
    text: str = ""
    problem: str = ""


def can_preview(tool: CatalogTool, arguments: JsonObject) -> bool:
    """Whether the tool has a boolean argument `dry_run`, and this call is not a dry run already."""
    properties: JsonObject = tool.tool.input_schema.get("properties") or {}
    said = properties.get(DRY_RUN)
    boolean = isinstance(said, dict) and cast(JsonObject, said).get("type") == "boolean"
    return boolean and arguments.get(DRY_RUN) is not True


async def preview(
    parts: Parts, principal: Principal, tool: CatalogTool, arguments: JsonObject
) -> Preview | None:
    """None where the tool has no such argument."""
    if not can_preview(tool, arguments):
        return None
    call = ToolCall(tool.name, msgspec.json.encode({**arguments, DRY_RUN: True}))
    context = CallContext(timeout=SECONDS)
    try:
        decision = parts.oversight.health.decide(principal, call)
        if decision.effect != "allow":
            return Preview(problem=f"Policy does not let you look ahead: {decision.reason}")
        outcome = await parts.tools.call_tool(principal, call, context)
    except ToolwardError as error:
        return Preview(problem=error.message)
    if not isinstance(outcome, ToolResult):
        return Preview(problem="The tool would have to ask somebody first.")
    return told(outcome)


def told(result: ToolResult) -> Preview:
    """The changes are read where the result has a list `changes` of objects with `field`, `before` and `after`, or
    two objects `before` and `after`; `says` is its own sentence."""
    if result.is_error:
        return Preview(problem=f"The tool says that it would fail: {result.text[:MAX_TEXT]}")
    said: Any = result.structured
    if not isinstance(said, dict):
        return Preview(text=result.text[:MAX_TEXT])
    found = cast(JsonObject, said)
    says = found.get("says")
    if changes := _changes(found)[:MAX_ROWS]:
        return Preview(says if isinstance(says, str) else "", changes)
    text = result.text or msgspec.json.format(result.structured_json or b"").decode()
    return Preview(text=text[:MAX_TEXT])


def _changes(said: JsonObject) -> tuple[Change, ...]:
    listed, before, after = said.get("changes"), said.get("before"), said.get("after")
    if isinstance(listed, list):
        rows = [cast(JsonObject, one) for one in cast("list[Any]", listed) if isinstance(one, dict)]
        return tuple(
            Change(str(row["field"]), row["before"], row["after"])
            for row in rows
            if {"field", "before", "after"} <= row.keys()
        )
    if isinstance(before, dict) and isinstance(after, dict):
        return differences(cast(JsonObject, before), cast(JsonObject, after))
    return ()


def differences(before: JsonObject, after: JsonObject) -> tuple[Change, ...]:
    """The names under which the two have not the same. What is not there is null."""
    return tuple(
        Change(name, before.get(name), after.get(name))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    )
