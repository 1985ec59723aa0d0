"""Which model endpoints may answer a turn, the first choice first. Pure.

A round begins when somebody has said something, and lasts until the model answers without calling tools. Whoever
began a round ends it: what a model keeps of its thinking between its calls only its own endpoint understands, and
half a plan of one model is no good start for another. So routes are looked at only where a round begins.
"""

from typing import NamedTuple

from gateway.agent.definition import AgentDefinition, Route
from gateway.agent.state import RunStateData


class Asked(NamedTuple):
    """What is known of a turn before it is asked. `input_tokens` is an estimate of all that the model is sent."""

    input_tokens: int
    tools_offered: bool


def answering(state: RunStateData) -> str:
    """The endpoint whose round goes on; empty where one begins, or where nobody knows (in a log that is older than
    routes)."""
    if not state.turns:
        return ""
    last = state.turns[-1]
    if last.reply.tool_uses or last.reply.stop == "paused":
        return last.reply.endpoint
    said = any(item.message is not None for item in state.items[last.heard :])
    return "" if said else last.reply.endpoint


def must_classify(state: RunStateData, definition: AgentDefinition, asked: Asked) -> bool:
    """Whether the label of what this round begins with decides between endpoints."""
    if definition.classifier is None or answering(state):
        return False
    for route in definition.routes:
        if _fits(route, state, asked):
            return bool(route.labels)
    return False


def endpoints_for(
    state: RunStateData, definition: AgentDefinition, asked: Asked, label: str = ""
) -> tuple[str, ...]:
    """Names of endpoints in order of preference, each once, at least one; one alone within a round. `label` is the
    classifier's, empty where it was not asked."""
    if (mine := answering(state)) != "":
        return (mine,)
    for route in definition.routes:
        if _fits(route, state, asked) and (not route.labels or label in route.labels):
            return tuple(dict.fromkeys(route.model))
    return tuple(dict.fromkeys(definition.models))


def _fits(route: Route, state: RunStateData, asked: Asked) -> bool:
    """But for its labels."""
    turn = len(state.turns) + 1
    return (
        _within(asked.input_tokens, route.least_tokens, route.most_tokens)
        and _within(turn, route.first_turn, route.last_turn)
        and _needs(route, state, asked)
    )


def _within(value: int, least: int, most: int) -> bool:
    return least <= value and (most == 0 or value <= most)


def _needs(route: Route, state: RunStateData, asked: Asked) -> bool:
    match route.tools:
        case "":
            return True
        case "offered" | "none":
            return asked.tools_offered is (route.tools == "offered")
        case "used" | "unused":
            return (state.run.calls > 0) is (route.tools == "used")
