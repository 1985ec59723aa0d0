"""A run driven again by its log. Pure.

What came from outside (the model's words, what tools and people said, what a person did) is taken from the log; all
that follows from it is made anew by the loop and must be the same. Who wrote what stands in the log for good, a
gateway may have looked at the run a moment before somebody else wrote to it: so an event may follow from the state
that the log has just before it, or from an earlier one since work was last taken up.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, cast

import msgspec

from gateway.agent import events as ev
from gateway.agent.answers import people_said
from gateway.agent.context import Conversation
from gateway.agent.conversation import Call
from gateway.agent.folding import KEEP, fold_to, summarise_to
from gateway.agent.loop import (
    CallModel,
    CallTools,
    Complete,
    Fail,
    Fold,
    Step,
    Summarise,
    WaitForInput,
    last_words,
    next_step,
)
from gateway.agent.loop_tools import CALL
from gateway.agent.making import called_again, first_called, model_replied, returned
from gateway.agent.model_requests import tool_list
from gateway.agent.observations import Observation
from gateway.agent.resolving import OWN, resolve
from gateway.agent.state import IllegalTransition, RunStateData, follow
from gateway.agent.stored import UnreadableEvent, decode
from gateway.core.digests import text_digest
from gateway.core.ports import ModelReply, Native, ToolUse
from gateway.core.questions import CANCEL
from toolward.types import RequestKind, RunEvent, RunState

Offered = Mapping[str, Mapping[str, str]]
"""Which tools a model was offered, by the digest of their list: qualified names by alias."""

NO_TOOLS = text_digest(tool_list([]))

LOOP_FAILURES = frozenset(
    {
        "limit_reached",
        "repeated_failure",
        "no_progress",
        "refusal",
        "content_filter",
        "truncated",
        "context_exceeded",
        "empty_reply",
        "given_up",
    }
)
"""Codes of failures that the loop itself decides."""

MAY_NOT_GO_ON = frozenset({"not_found", "denied", "internal"})
"""Of runs whose agent is gone, whose owner may not call any more, or on which work failed inside. All other codes
are those of a model that could not be asked."""


class Difference(msgspec.Struct, frozen=True):
    """Where a log is not what the loop makes. `field` is a path in the event's fields (`request.digest`); it is
    `type` where another event belongs there, and empty where none of this kind can stand there at all."""

    seq: int
    type: str
    field: str
    recorded: Any
    made: Any


def replay(log: Sequence[RunEvent], offered: Offered) -> Difference | None:
    """The first difference, or None. `log` begins with the first event; where `offered` lacks a list, it is not
    looked at which tool was meant."""
    again = _Replay(log, offered)
    for stored in log:
        if (difference := again.follow(stored)) is not None:
            return difference
    return None


class _Replay:
    def __init__(self, log: Sequence[RunEvent], offered: Offered) -> None:
        self._offered = offered
        self._states: list[RunStateData] = []  # since work was taken up, the newest last
        self._retries = sum(event.type == ev.NAMES[ev.RunRetried] for event in log)
        self._writer = ""  # whose calls a shared part has: an id that is in its keys alone

    def follow(self, stored: RunEvent) -> Difference | None:
        before = self._states[-1] if self._states else None
        try:
            event = decode(stored)
            after = follow(before, stored)
        except (UnreadableEvent, IllegalTransition) as error:
            return Difference(stored.seq, stored.type, "", stored.data, error.message)
        if before is not None and (found := self._differs(stored, event, before)) is not None:
            return found
        if isinstance(event, ev.RunTakenUp | ev.RunRetried):
            self._states.clear()
        if isinstance(event, ev.RunRetried):
            self._retries -= 1
            self._writer = ""
        self._states.append(after)
        return None

    def _differs(self, stored: RunEvent, event: ev.Event, now: RunStateData) -> Difference | None:
        first: ev.Event | None = None
        for made in self._made(event, now):
            if made == event:
                return None
            first = first or made
        if first is None:
            return Difference(stored.seq, stored.type, "type", stored.type, _would(_step(now), now))
        if type(first) is not type(event):
            return Difference(stored.seq, stored.type, "type", stored.type, ev.NAMES[type(first)])
        where, recorded, made = _first_difference(msgspec.to_builtins(event), msgspec.to_builtins(first))
        return Difference(stored.seq, stored.type, where, recorded, made)

    def _made(self, event: ev.Event, now: RunStateData) -> Iterator[ev.Event]:
        """What the loop could have made there, the likeliest first; of what came from outside, that itself."""
        match event:
            case ev.RunTakenUp():
                yield ev.RunTakenUp()
            case ev.ModelReplied():
                yield from self._replied(event, now)
            case ev.ToolCalled():
                yield from self._called(event, now)
            case ev.ToolReturned():
                yield from self._returned(event, now)
            case ev.InputRequested():
                yield from _requested(event, now)
            case ev.ResultsFolded() | ev.TurnsSummarised():
                yield from self._shortened(event)
            case ev.RunCompleted():
                if isinstance(step := _step(now), Complete):
                    yield ev.RunCompleted(answer=step.answer)
            case ev.RunFailed():
                yield from self._failed(event, now)
            case _:
                yield event

    def _steps(self, turns: int) -> Iterator[tuple[RunStateData, Step]]:
        """What was to be done when there were at least so many turns, the newest first."""
        for state in takewhile(lambda one: len(one.turns) >= turns, reversed(self._states)):
            if (step := _step(state)) is not None:
                yield state, step

    # --- the model

    def _replied(self, event: ev.ModelReplied, now: RunStateData) -> Iterator[ev.Event]:
        asked = [(state, step) for state, step in self._steps(event.turn - 1) if isinstance(step, CallModel)]
        heard = [one for one in asked if len(one[0].items) == event.heard]
        for state, step in heard or asked[:1]:
            yield _reply(event, state, step, known=event.request is not None or bool(now.refs))

    def _failed(self, event: ev.RunFailed, now: RunStateData) -> Iterator[ev.Event]:
        if isinstance(step := _step(now), Fail):
            yield ev.RunFailed(code=step.code, message=step.message, answer=step.answer)
        steps = (one for _, one in self._steps(len(now.turns)))
        if event.code in MAY_NOT_GO_ON or (
            event.code not in LOOP_FAILURES and any(isinstance(one, CallModel) for one in steps)
        ):
            yield msgspec.structs.replace(event, answer=last_words(now))

    def _shortened(self, event: ev.ResultsFolded | ev.TurnsSummarised) -> Iterator[ev.Event]:
        """When there is too much depends on the endpoint; what goes then does not."""
        to = fold_to if isinstance(event, ev.ResultsFolded) else summarise_to
        for state in reversed(self._states):
            for keep in (KEEP, 1):
                if turn := to(state, keep):
                    yield msgspec.structs.replace(event, turn=turn)

    # --- tools

    def _called(self, event: ev.ToolCalled, now: RunStateData) -> Iterator[ev.Event]:
        for state, step in self._steps(event.turn):
            if not isinstance(step, CallTools) or step.turn != event.turn:
                continue
            if any(one.choice == CANCEL for call in step.ready for one in call.answers):
                continue
            for use, target in self._first_call(event, state, step):
                name = target if isinstance(target, str) else ""
                run_id = self._run_id(event, state)
                yield first_called(run_id, event.turn, event.index, use, name, event.call_id)
            for call in step.ready:
                if call.index == event.index and people_said(call) is None:
                    yield called_again(call)
            for call in step.orphans:
                if call.index == event.index:
                    yield called_again(call, ended=event.ended)
        settled = (_of_ready(call) for call in now.calls() if call.id == event.call_id and call.ready)
        yield from (made for made in settled if not isinstance(made, ev.ToolCalled))

    def _first_call(
        self, event: ev.ToolCalled | Call, state: RunStateData, step: CallTools
    ) -> Iterator[tuple[ToolUse, str | Observation | None]]:
        """What was made of the wish, if it was uncalled then."""
        for made, (index, use) in enumerate(step.uses, state.spent.calls):
            if index != event.index:
                continue
            offered = self._tools_of(state, event.turn)
            if offered is None or use.name == CALL:  # what a search was over is not in the log
                yield use, event.tool
            else:
                yield use, resolve(use, offered, calls_made=made, limits=state.definition.limits)

    def _tools_of(self, state: RunStateData, turn: int) -> Mapping[str, str] | None:
        asked = state.turns[turn - 1].reply.request
        return self._offered.get(asked.tools) if asked is not None else None

    def _run_id(self, event: ev.ToolCalled, state: RunStateData) -> str:
        """Keys bear the id of the run whose worker made them first: of what a retried run shares, another's."""
        if not self._retries:
            return state.run.id
        self._writer = self._writer or event.key.removesuffix(f"/{event.turn}/{event.index}")
        return self._writer

    def _returned(self, event: ev.ToolReturned, now: RunStateData) -> Iterator[ev.Event]:
        call = _call(now, event.call_id)
        if call.ready:
            yield _of_ready(call)
        elif not call.tool and self._tools_of(now, call.turn) is not None and not _of_loop(now, call):
            for state, step in self._steps(call.turn):
                if isinstance(step, CallTools) and step.turn == call.turn:
                    targets = (target for _, target in self._first_call(call, state, step))
                    yield from (returned(call.id, one) for one in targets if isinstance(one, Observation))
        else:
            late = call.waits and call.kind is RequestKind.UNKNOWN_OUTCOME
            yield msgspec.structs.replace(event, late=late)


def _of_loop(state: RunStateData, call: Call) -> bool:
    """Whether it is of a tool of the loop itself, whose answer is taken from the log."""
    return state.turns[call.turn - 1].reply.tool_uses[call.index].name in (*OWN, CALL)


def _requested(event: ev.InputRequested, now: RunStateData) -> Iterator[ev.Event]:
    call = _call(now, event.call_id) if event.call_id else None
    yield _of_ready(call) if call is not None and call.ready else event


def _of_ready(call: Call) -> ev.Event:
    """What comes of a call that people have answered."""
    for answer in call.answers:
        if answer.choice == CANCEL:
            return ev.RunCancelled(by=answer.by)
    observation = people_said(call)
    return called_again(call) if observation is None else returned(call.id, observation)


def _reply(event: ev.ModelReplied, state: RunStateData, step: CallModel, *, known: bool) -> ev.Event:
    tools = event.request.tools if event.request is not None else ""
    native = Native(event.native_source, event.native) if event.native else None
    made = model_replied(
        state,
        step,
        ModelReply(
            event.text,
            event.tool_uses,
            event.stop,
            event.usage,
            event.model,
            native,
            event.reasoning,
            event.response_id,
            event.cost,
            event.endpoint,
            event.passed_over,
        ),
        Conversation().asked(state, last=step.last),
        NO_TOOLS if step.last else tools,
        event.duration_ms,
    )
    return made if known else msgspec.structs.replace(made, request=None)  # from before it was recorded


def _step(state: RunStateData) -> Step | None:
    running = state.run.state is RunState.RUNNING
    return next_step(state, state.definition.limits) if running else None


def _call(state: RunStateData, call_id: str) -> Call:
    return next(call for call in state.calls() if call.id == call_id)


def _would(step: Step | None, state: RunStateData) -> str:
    """What comes next, in words."""
    match step:
        case None:
            return f"nothing: the run is {state.run.state.value}"
        case CallModel(turn, last):
            return f"model_replied: turn {turn}{', the last' if last else ''}"
        case CallTools(turn):
            return f"calls of turn {turn}"
        case Fold(turn):
            return f"results_folded: up to turn {turn}"
        case Summarise(turn):
            return f"turns_summarised: up to turn {turn}"
        case WaitForInput(requests):
            return f"nothing before somebody answers {', '.join(requests)}"
        case Complete():
            return "run_completed"
        case Fail(code):
            return f"run_failed: {code}"


def _first_difference(recorded: Any, made: Any, where: str = "") -> tuple[str, Any, Any]:
    """Of two values that are not the same: where, and what stands there."""
    if isinstance(recorded, dict) and isinstance(made, dict):
        one, other = cast(dict[str, Any], recorded), cast(dict[str, Any], made)
        for name in (*one, *(name for name in other if name not in one)):
            if one.get(name) != other.get(name):
                return _first_difference(one.get(name), other.get(name), f"{where}.{name}".lstrip("."))
    if isinstance(recorded, list | tuple) and isinstance(made, list | tuple):
        ours, theirs = cast(Sequence[Any], recorded), cast(Sequence[Any], made)
        for at, (mine, its) in enumerate(zip(ours, theirs, strict=False)):
            if mine != its:
                return _first_difference(mine, its, f"{where}.{at}")
    return where, cast(Any, recorded), cast(Any, made)
