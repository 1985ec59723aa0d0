"""What a run does next. Pure: a state and limits in, one step out.

Whatever a model gets wrong (a tool that there is not, arguments that are no JSON) comes back to it as an
observation, so a run ends by an answer, a limit, a cancel, or a failure with a reason.
"""

from collections.abc import Mapping

import msgspec

from gateway.agent.conversation import Call, Turn
from gateway.agent.definition import Limits
from gateway.agent.events import InputAnswered
from gateway.agent.observations import Observation
from gateway.agent.state import RunStateData
from gateway.core.ports import ToolUse
from toolward.names import closest

SAME_FAILURES = 3
"""Turns in which the same call may fail in the same way before the run ends."""


class CallModel(msgspec.Struct, frozen=True):
    """Ask the model for turn `turn`; on the `last` one without tools."""

    turn: int
    last: bool = False


class CallTools(msgspec.Struct, frozen=True):
    """Go on with a turn's calls: `uses` are wishes (place in the turn, wish) that were not called yet,
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
    """For a run that is running, between steps: a call that is in flight then is an orphan."""
    if state.verdict is not None:
        return _given_up(state.verdict)
    if state.parked:
        return WaitForInput(state.asked)
    for turn in state.open_turns:
        if turn.can_go_on and not turn.reply.last:
            return _go_on(turn)
    return _converse(state, limits)


def _converse(state: RunStateData, limits: Limits) -> Step:
    if not state.turns:
        return CallModel(1)
    turn = state.turns[-1]
    if turn.reply.last and not state.unheard:
        return _at_limit(state, turn, limits)
    if not turn.over:
        return WaitForInput(state.asked)
    if (repeated := _repeated_failure(state)) is not None:
        return repeated
    if turn.reply.tool_uses or state.unheard:
        return _next_turn(state, turn, limits)
    return WaitForInput(state.asked) if state.asked else _end(turn)


def _next_turn(state: RunStateData, turn: Turn, limits: Limits) -> CallModel:
    number = turn.number + 1
    turns, calls = state.since
    spent = number - turns > limits.turns or state.run.calls - calls >= limits.calls
    return CallModel(number, last=spent)


def _go_on(turn: Turn) -> CallTools:
    ready = tuple(call for call in turn.begun if call.ready)
    orphans = tuple(call for call in turn.begun if call.in_flight)
    return CallTools(turn.number, () if turn.asked else turn.uncalled, ready, orphans)


def _given_up(verdict: InputAnswered) -> Fail:
    said = f"{verdict.by} said that it is to end" if verdict.by else "nobody said that it is to go on"
    return Fail("given_up", f"Work on the run stopped again and again at the same place, and {said}.")


def _end(turn: Turn) -> Step:
    reply = turn.reply
    if reply.stop == "refusal":
        return Fail("refusal", "The model endpoint refused to answer.", reply.text)
    if reply.stop == "length":
        return Fail("truncated", "The answer was cut off at the model endpoint's length limit.", reply.text)
    if not reply.text.strip():
        return Fail("empty_reply", "The model answered with nothing: no text and no tool call.")
    return Complete(reply.text)


def _at_limit(state: RunStateData, turn: Turn, limits: Limits) -> Fail:
    spent = state.run.calls - state.since[1] >= limits.calls
    reached = f"{limits.calls} tool calls" if spent else f"{limits.turns} turns"
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
