"""What a run does next. Pure: a state and limits in, one step out.

Whatever a model gets wrong (a tool that there is not, arguments that are no JSON) comes back to it as an
observation, so a run ends by an answer, a limit, a cancel, or a failure with a reason.
"""

from collections.abc import Mapping

import msgspec

from gateway.agent.conversation import Call, RunStateData, Turn
from gateway.agent.definition import Limits
from gateway.agent.events import InputAnswered
from gateway.agent.folding import room
from gateway.agent.stopping import SAME_FAILURES, SAME_TURNS, goes_round, limit, repeated_failure
from gateway.core.ports import ToolUse


class CallModel(msgspec.Struct, frozen=True):
    """Ask the model for turn `turn`; on the `last` one without tools."""

    turn: int
    last: bool = False


class Fold(msgspec.Struct, frozen=True):
    """Fold the results of the turns up to this one."""

    turn: int


class Summarise(msgspec.Struct, frozen=True):
    """Have a summary made of the turns up to this one."""

    turn: int


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


Step = CallModel | CallTools | Fold | Summarise | WaitForInput | Complete | Fail


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
        return _next_turn(state, limits)
    turn = state.turns[-1]
    if turn.reply.last and not state.unheard:
        return _at_limit(state, limits)
    if not turn.over:
        return WaitForInput(state.asked)
    if (stuck := _stuck(state)) is not None:
        return stuck
    if turn.reply.tool_uses or turn.reply.stop == "paused" or state.unheard:
        return _next_turn(state, limits)
    return WaitForInput(state.asked) if state.asked else _end(turn)


def _next_turn(state: RunStateData, limits: Limits) -> Step:
    number = len(state.turns) + 1
    reached = limit(state, limits)
    if reached is not None and not reached.fits:
        return Fail("limit_reached", reached.message, last_words(state))
    fold, summarise = room(state, limits.context_tokens)
    if fold:
        return Fold(fold)
    if summarise:
        return Summarise(summarise)
    if state.reached is not None and state.reached.limit == "context":
        return Fail("context_exceeded", state.reached.message, last_words(state))
    return CallModel(number, last=reached is not None)


def last_words(state: RunStateData) -> str:
    """What there is of an answer: what the model said last, since somebody wrote to it."""
    said = (turn.reply.text for turn in reversed(state.turns[state.since.turns :]))
    return next((text for text in said if text.strip()), "")


def _go_on(turn: Turn) -> CallTools:
    ready = tuple(call for call in turn.begun if call.ready)
    orphans = tuple(call for call in turn.begun if call.in_flight)
    return CallTools(turn.number, () if turn.asked else turn.uncalled, ready, orphans)


def _given_up(verdict: InputAnswered) -> Fail:
    said = f"{verdict.by} said that it is to end" if verdict.by else "nobody said that it is to go on"
    return Fail("given_up", f"Work on the run stopped again and again at the same place, and {said}.")


_CUT_SHORT: Mapping[str, tuple[str, str]] = {
    "refusal": ("refusal", "The model endpoint refused to answer."),
    "content_filter": ("content_filter", "The model endpoint's content filter stopped the answer."),
    "length": ("truncated", "The answer was cut off at the model endpoint's length limit."),
    "context": (
        "context_exceeded",
        "The answer was cut off: the conversation fills all that the model can take.",
    ),
}


def _end(turn: Turn) -> Step:
    reply = turn.reply
    if (cut_short := _CUT_SHORT.get(reply.stop)) is not None:
        return Fail(*cut_short, reply.text)
    if not reply.text.strip():
        return Fail("empty_reply", "The model answered with nothing: no text and no tool call.")
    return Complete(reply.text)


def _at_limit(state: RunStateData, limits: Limits) -> Fail:
    reached = limit(state, limits)
    message = reached.message if reached is not None else "The run reached a limit."
    return Fail("limit_reached", message, last_words(state))


def _stuck(state: RunStateData) -> Fail | None:
    if (call := repeated_failure(state)) is not None:
        assert call.outcome is not None  # noqa: S101 -- it has failed
        message = (
            f"The same call of {call.tool or call.alias} failed {SAME_FAILURES} times in the same way:"
            f" {call.outcome.text[:500]}"
        )
        return Fail("repeated_failure", message, last_words(state))
    if goes_round(state):
        names = ", ".join(dict.fromkeys(call.tool or call.alias for call in state.turns[-1].begun))
        message = f"No progress: {SAME_TURNS} turns made the same calls ({names}) with the same outcomes."
        return Fail("no_progress", message, last_words(state))
    return None
