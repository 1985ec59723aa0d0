"""What a run did behind the event from which it is retried. Pure."""

from collections.abc import Callable, Iterator

from gateway.agent.conversation import Call
from gateway.agent.events import EffectMade
from gateway.agent.state import RunStateData
from toolward.types import RequestKind

_NOT_SENT = frozenset(
    {
        "denied",
        "unknown_tool",
        "invalid_arguments",
        "invalid_request",
        "too_large",
        "limit_reached",
        "overloaded",
    }
)


def effects_behind(
    whole: RunStateData, shared: RunStateData, changes: Callable[[str], bool]
) -> tuple[EffectMade, ...]:
    """The calls of tools that change things which reached them, or may have, in `whole` and not yet in `shared`,
    the state that the retried run begins with."""
    before = {call.id for call in shared.calls() if call.outcome is not None}
    return tuple(_effects(whole, before, changes))


def _effects(whole: RunStateData, before: set[str], changes: Callable[[str], bool]) -> Iterator[EffectMade]:
    for call in whole.calls():
        if call.id not in before and call.tool and changes(call.tool) and (code := _code(call)):
            yield EffectMade(call.id, call.tool, call.arguments_json, code)


def _code(call: Call) -> str:
    """Empty where the call was surely not made."""
    if call.outcome is not None:
        return "" if call.outcome.code in _NOT_SENT else call.outcome.code
    asked_for_leave = (call.waits or call.ready) and call.kind is not RequestKind.UNKNOWN_OUTCOME
    return "" if asked_for_leave else "outcome_unknown"
