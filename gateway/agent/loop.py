"""What a run does next. Pure: a state and limits in, one step out.

Whatever a model gets wrong (a tool that there is not, arguments that are no JSON) comes back to it as an
observation, so a run ends by an answer, a limit, a cancel, or a failure with a reason.
"""

from collections.abc import Mapping

import msgspec

from gateway.agent.context import Observation
from gateway.agent.definition import Limits
from gateway.agent.state import Call, RunStateData, Turn
from gateway.core.ports import ToolUse
from toolward.names import closest

SAME_FAILURES = 3
"""Turns in which the same call may fail in the same way before the run ends."""


class CallModel(msgspec.Struct, frozen=True):
    """Ask the model for turn `turn`; on the `last` one without tools."""

    turn: int
    last: bool = False


class CallTools(msgspec.Struct, frozen=True):
    """Go on with the turn's calls: `uses` are wishes (place in the turn, wish) that were not called yet,
    `ready` are calls that people have answered, `orphans` were begun before a crash and have no outcome."""

    turn: int
    uses: tuple[tuple[int, ToolUse], ...] = ()
    ready: tuple[Call, ...] = ()
    orphans: tuple[Call, ...] = ()


class WaitForInput(msgspec.Struct, frozen=True):
    """People must answer these first. Nothing is held meanwhile."""

    requests: tuple[str, ...]


class Complete(msgspec.Struct, frozen=True):
    answer: str


class Fail(msgspec.Struct, frozen=True):
    """`answer` is what there is of one."""

    code: str
    message: str
    answer: str = ""


Step = CallModel | CallTools | WaitForInput | Complete | Fail


def next_step(state: RunStateData, limits: Limits) -> Step:
    """For a run that has not ended, between steps: a call that is in flight then is an orphan."""
    if not state.turns:
        return CallModel(1)
    turn = state.turns[-1]
    if not turn.reply.tool_uses:
        return _end(state, turn, limits)
    if turn.reply.last:
        return _at_limit(state, turn, limits)
    if not turn.settled:
        return _go_on(state, turn)
    if (repeated := _repeated_failure(state)) is not None:
        return repeated
    number = turn.number + 1
    return CallModel(number, last=number > limits.turns or state.run.calls >= limits.calls)


def _go_on(state: RunStateData, turn: Turn) -> Step:
    ready = tuple(call for call in turn.begun if call.ready)
    orphans = tuple(call for call in turn.begun if call.in_flight)
    if state.asked:  # what was not called yet waits too: it may count on what is being asked
        waiting = WaitForInput(state.asked)
        return CallTools(turn.number, (), ready, orphans) if ready or orphans else waiting
    return CallTools(turn.number, turn.uncalled, ready, orphans)


def _end(state: RunStateData, turn: Turn, limits: Limits) -> Step:
    reply = turn.reply
    if reply.last:
        return _at_limit(state, turn, limits)
    if reply.stop == "refusal":
        return Fail("refusal", "The model endpoint refused to answer.", reply.text)
    if reply.stop == "length":
        return Fail("truncated", "The answer was cut off at the model endpoint's length limit.", reply.text)
    if not reply.text.strip():
        return Fail("empty_reply", "The model answered with nothing: no text and no tool call.")
    return Complete(reply.text)


def _at_limit(state: RunStateData, turn: Turn, limits: Limits) -> Fail:
    reached = f"{limits.calls} tool calls" if state.run.calls >= limits.calls else f"{limits.turns} turns"
    return Fail("limit_reached", f"The run reached its limit of {reached}.", turn.reply.text)


def _repeated_failure(state: RunStateData) -> Fail | None:
    """Whether a call of the last turn has failed in the same way in the last turns that made it."""
    for call in state.turns[-1].begun:
        if call.outcome is not None and call.outcome.is_error and _failures(state, call) >= SAME_FAILURES:
            return Fail(
                "repeated_failure",
                f"The same call of {call.tool or call.alias} failed {SAME_FAILURES} times in the same way:"
                f" {call.outcome.text[:500]}",
                state.turns[-1].reply.text,
            )
    return None


def _failures(state: RunStateData, failed: Call) -> int:
    """Turns, counted back from the last, in which this call was made and failed like this; another outcome of
    it ends the count. Several in one turn are one: the model had not seen the first fail."""
    count = 0
    for turn in reversed(state.turns):
        same = [call for call in turn.begun if _same_call(call, failed)]
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


def resolve(
    use: ToolUse, offered: Mapping[str, str], *, calls_made: int, limits: Limits
) -> str | Observation:
    """The qualified name of the tool that the model means, or what it is told instead.

    `offered` maps aliases to qualified names; a model that writes a qualified name is understood too.
    """
    if calls_made >= limits.calls:
        return _mistake("limit_reached", f"No more tools can be called: {limits.calls} calls were made.")
    if use.name in offered:
        tool = offered[use.name]
    elif use.name in offered.values():
        tool = use.name
    else:
        near = closest(use.name, offered)
        known = f"Did you mean {near!r}?" if near else f"The tools are: {', '.join(offered) or 'none'}."
        return _mistake("unknown_tool", f"There is no tool named {use.name[:128]!r}. {known}")
    if (flaw := _flaw(arguments_of(use))) is not None:
        return _mistake(
            "invalid_arguments",
            f"The arguments of {use.name} {flaw}. Call again with one JSON object that fits the input schema.",
        )
    return tool


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
