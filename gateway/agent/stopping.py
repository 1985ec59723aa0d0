"""Why a run does not go on: its limits, the same failure again and again, no progress. Pure.

Limits are looked at before each call of the model, here and nowhere else: while two more turns fit, it goes on;
when only one does, that is the last, in which the model says what it has."""

from collections.abc import Sequence

import msgspec

from gateway.agent.conversation import Call, RunStateData, Turn
from gateway.agent.definition import Limits
from gateway.core.model_spec import BILLION

SAME_FAILURES = 3
"""Turns in which the same call may fail in the same way before the run ends."""

SAME_TURNS = 5
"""Turns that may make the same calls with the same outcomes before the run ends."""

_WINDOW = 40  # turns that are looked back on


class Reached(msgspec.Struct, frozen=True):
    """A limit. `fits` says whether one more turn, without tools, does."""

    message: str
    fits: bool = True


def limit(state: RunStateData, limits: Limits) -> Reached | None:
    """The first that another turn with tools would break."""
    spent = state.spent
    if state.reached is not None and state.reached.limit == "budget":
        return Reached(state.reached.message, fits=spent.turns > 0)
    if spent.calls >= limits.calls:
        return _of(f"{limits.calls} tool calls")
    if spent.turns >= limits.turns:
        return _of(f"{limits.turns} turns")
    if limits.seconds and spent.ms >= limits.seconds * 1000:
        return _of(f"{limits.seconds:,} seconds of work")
    tokens, cost = ahead(state)
    if limits.tokens and spent.tokens + 2 * tokens > limits.tokens:
        return _of(f"{limits.tokens:,} tokens", fits=spent.tokens + tokens <= limits.tokens)
    if limits.cost and spent.cost + 2 * cost > limits.cost:
        return _of(f"US$ {limits.cost / BILLION:g}", fits=spent.cost + cost <= limits.cost)
    return None


def _of(what: str, fits: bool = True) -> Reached:
    return Reached(f"The run reached its limit of {what}.", fits)


def ahead(state: RunStateData) -> tuple[int, int]:
    """Tokens and cost of the next turn, as far as the last one tells."""
    if not state.turns:
        return state.seen.tokens, 0
    last = state.turns[-1].reply
    tokens = state.seen.tokens + last.usage.output_tokens
    before = last.usage.input_tokens + last.usage.output_tokens
    return tokens, (last.cost or 0) * tokens // max(before, 1)


def repeated_failure(state: RunStateData) -> Call | None:
    """A call of the last turn that has failed in the same way in the last turns that made it."""
    for call in state.turns[-1].begun:
        if call.outcome is not None and call.outcome.is_error and _failures(state, call) >= SAME_FAILURES:
            return call
    return None


def goes_round(state: RunStateData) -> bool:
    """Whether the last turn has been there before, calls and outcomes, as often as may be since the last
    message."""
    last = state.turns[-1]
    first = last.calls[0] if last.calls else None
    if first is None:
        return False
    count = 0
    since = max(state.since.turns, len(state.turns) - _WINDOW)
    for turn in state.turns[since:]:  # after each turn: so what is other is told from it at the first look
        its = turn.calls[0] if turn.calls else None
        if its is not None and its.arguments_json == first.arguments_json and _same_turn(turn, last):
            count += 1
    return count >= SAME_TURNS


def _same_turn(one: Turn, other: Turn) -> bool:
    mine, its = one.calls, other.calls
    return len(mine) == len(its) and all(
        a is not None and b is not None and _same_call(a, b) and _same_outcome(a, b)
        for a, b in zip(mine, its, strict=True)
    )


def _failures(state: RunStateData, failed: Call) -> int:
    """Turns, counted back from the last, in which this call was made and failed like this; another outcome of
    it ends the count. Several in one turn are one: the model had not seen the first fail."""
    count = 0
    for turn in reversed(state.turns):
        same: Sequence[Call] = [call for call in turn.begun if _same_call(call, failed)]
        if not same:
            continue
        if not all(_same_outcome(call, failed) for call in same):
            break
        count += 1
    return count


def _same_call(one: Call, other: Call) -> bool:
    return one.alias == other.alias and one.arguments_json == other.arguments_json


def _same_outcome(one: Call, other: Call) -> bool:
    mine, its = one.outcome, other.outcome
    return mine is not None and its is not None and (mine.code, mine.text) == (its.code, its.text)
