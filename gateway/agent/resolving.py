"""Which tool a model means. Pure.

Whatever it gets wrong (a tool that there is not, arguments that are no JSON) comes back to it as an observation
that says what was wrong and what it may do."""

from collections.abc import Mapping

import msgspec

from gateway.agent.definition import Limits
from gateway.agent.loop_tools import CALL, FIND, READ, asked_to_call
from gateway.agent.observations import Observation
from gateway.core.ports import UNREADABLE, ToolUse
from toolward.errors import InvalidArguments
from toolward.names import closest

OWN = frozenset({FIND, READ})
"""Tools that the loop answers itself."""


def meant(use: ToolUse) -> ToolUse:
    """The wish that stands inside `call_tool`; as it is where that cannot be read."""
    try:
        return asked_to_call(use) if use.name == CALL else use
    except InvalidArguments:
        return use


def resolve(
    use: ToolUse, offered: Mapping[str, str], *, calls_made: int, limits: Limits
) -> str | Observation | None:
    """The qualified name of the tool that the model means, or what it is told instead; None for one of the loop's
    own.

    `offered` maps aliases to qualified names; a model that writes a qualified name is understood too.
    """
    if calls_made >= limits.calls:
        return _mistake("limit_reached", f"No more tools can be called: {limits.calls} calls were made.")
    if use.name in OWN:
        return None
    if use.name == UNREADABLE:
        return _mistake(
            "invalid_action", "What you wrote is neither a call nor an answer in the form that was asked."
        )
    try:
        use = asked_to_call(use) if use.name == CALL else use
    except InvalidArguments as error:
        return _mistake("invalid_arguments", error.text)
    if use.name in offered:
        tool = offered[use.name]
    elif use.name in offered.values():
        tool = use.name
    else:
        return _mistake(
            "unknown_tool", f"There is no tool named {use.name[:128]!r}. {_known(use.name, offered)}"
        )
    if (flaw := _flaw(arguments_of(use))) is not None:
        return _mistake(
            "invalid_arguments",
            f"The arguments of {use.name} {flaw}. Call again with one JSON object that fits the input schema.",
        )
    return tool


_SHOWN = 40  # names of tools in one observation


def _known(name: str, offered: Mapping[str, str]) -> str:
    if (near := closest(name, offered)) is not None:
        return f"Did you mean {near!r}?"
    if len(offered) > _SHOWN:
        return "Look for it with find_tools."
    return f"The tools are: {', '.join(offered) or 'none'}."


def arguments_of(use: ToolUse) -> str:
    """Some endpoints send nothing where there are no arguments."""
    return use.arguments_json.strip() or "{}"


def _flaw(arguments_json: str) -> str | None:
    try:
        value = msgspec.json.decode(arguments_json.encode(errors="replace"))
    except (msgspec.DecodeError, RecursionError) as error:
        return f"are not valid JSON ({error})"
    return None if isinstance(value, dict) else "must be a JSON object"


def _mistake(code: str, text: str) -> Observation:
    return Observation(code, is_error=True, text=text, trust="trusted")
