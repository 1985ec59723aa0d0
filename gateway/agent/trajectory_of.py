"""Trajectories out of logs. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from gateway.agent import events as ev
from gateway.agent import trajectory as tr
from gateway.agent.context import Conversation
from gateway.agent.conversation import Call
from gateway.agent.model_requests import MessageRef, rebuilt
from gateway.agent.sources import RunSources
from gateway.agent.state import RunStateData, fold, follow
from gateway.agent.stored import decode
from gateway.core.digests import text_digest
from gateway.core.ports import Message
from gateway.core.provenance import record
from toolward.errors import NotFound
from toolward.types import JsonObject, Origins, RunEvent, RunState, TurnMessage, TurnTool, TurnToolUse


class Added(NamedTuple):
    """What a turn's prompt added to the one before. None where it cannot be rebuilt from the events alone."""

    turn: int
    keep: int
    messages: tuple[TurnMessage, ...] | None


def added(log: Sequence[RunEvent]) -> tuple[Added, ...]:
    """Of each turn whose prompt is on record. Most texts of prompts stand in the events; that one fits is said by
    its digest, so what is rebuilt is what was asked."""
    texts = _texts(log)
    asked = (event for event in map(decode, log) if isinstance(event, ev.ModelReplied))
    return tuple(
        Added(event.turn, event.request.keep, _rebuilt(event.request.add, texts))
        for event in asked
        if event.request is not None
    )


def trajectory_of(
    log: Sequence[RunEvent],
    lists: Mapping[str, tuple[TurnTool, ...]],
    prompts: Mapping[int, tuple[TurnMessage, ...]],
    *,
    toolward: str,
    erased: bool,
) -> tr.TrajectoryLine:
    """`lists` are the lists of tools by digest, `prompts` what each turn's prompt added (`added`); where one is
    missing, its words are gone. `toolward` is the version of what writes this."""
    events = [(stored, decode(stored)) for stored in log]
    state = fold(log)
    told = _Telling(state, prompts, erased=erased)
    for stored, event in events:
        told.take(stored, event)
    run = state.run
    about = {name: getattr(run, name, None) for name in tr.About.__struct_fields__} | {"tenant": state.tenant}
    return tr.TrajectoryLine(
        schema="toolward.trajectory/1",
        toolward=toolward,
        run=msgspec.convert(about, tr.About),
        definition=state.definition,
        input=run.input,
        tools=dict(lists),
        turns=tuple(told.turns()),
        messages=tuple(told.messages),
        asked=tuple(told.asked.get("", {}).values()),
        pauses=tuple(told.pauses),
        retries=tuple(told.retries),
        ratings=tuple(told.ratings),
        reward=told.ratings[-1].score if told.ratings else None,
        end=told.end if run.state.ended else None,
        event_versions={stored.type: event.version for stored, event in events},
        erased=erased,
        notes=tuple(told.notes),
    )


class _Telling:
    """Sorts events into what they are told under."""

    def __init__(
        self, state: RunStateData, prompts: Mapping[int, tuple[TurnMessage, ...]], *, erased: bool
    ) -> None:
        self._state = state
        self._prompts = prompts
        self._erased = erased
        self._replies: dict[int, tuple[RunEvent, ev.ModelReplied]] = {}
        self._sent: dict[str, list[int]] = {}
        self._returned: dict[str, int] = {}
        self.asked: dict[str, dict[str, tr.Asked]] = {}  # by call, then by request
        self.messages: list[tr.Wrote] = []
        self.pauses: list[tr.Stopped] = []
        self.retries: list[tr.Branched] = []
        self.ratings: list[tr.Rated] = []
        self.notes: list[tr.Noted] = []
        self.end: tr.End | None = None

    def take(self, stored: RunEvent, event: ev.Event) -> None:
        at, seq = stored.at, stored.seq
        match event:
            case ev.ModelReplied():
                self._replies[event.turn] = stored, event
            case ev.ToolCalled():
                self._sent.setdefault(event.call_id, []).append(at)
            case ev.ToolReturned():
                self._returned[event.call_id] = at
            case ev.InputRequested():
                self.asked.setdefault(event.call_id, {})[event.request_id] = _asked(event, seq, at)
            case ev.InputAnswered():
                self._answered(event, at)
            case ev.MessageReceived():
                self.messages.append(tr.Wrote(seq, at, event.by, event.text))
            case _:
                self._take_of_run(event, seq, at)

    def _note(self, event: ev.Event, seq: int, at: int) -> None:
        match event:
            case ev.ResultsFolded(turn=turn):
                self.notes.append(tr.Noted(seq, at, "results_folded", turn))
            case ev.TurnsSummarised(turn=turn, text=text, endpoint=endpoint, cost=cost):
                self.notes.append(tr.Noted(seq, at, "turns_summarised", turn, text, endpoint, cost))
            case ev.InputClassified(turn=turn, label=label, endpoint=endpoint, cost=cost):
                self.notes.append(tr.Noted(seq, at, "input_classified", turn, label, endpoint, cost))
            case ev.LimitReached(message=message):
                self.notes.append(tr.Noted(seq, at, "limit_reached", text=message))
            case _:
                pass

    def _take_of_run(self, event: ev.Event, seq: int, at: int) -> None:
        match event:
            case ev.RunPaused():
                self.pauses.append(tr.Stopped(seq, at, event.by, event.reason))
            case ev.RunResumed():
                paused = self.pauses.pop()
                self.pauses.append(msgspec.structs.replace(paused, resumed_at=at, resumed_by=event.by))
            case ev.RunRetried():
                effects = msgspec.convert(msgspec.to_builtins(event.effects), tuple[tr.EffectBehind, ...])
                self.retries.append(tr.Branched(seq, at, event.parent, event.after, event.owner, effects))
            case ev.RunRated():
                self.ratings.append(tr.Rated(seq, at, event.by, event.score, event.comment))
            case ev.RunCompleted():
                self.end = tr.End(seq, at, RunState.COMPLETED, event.answer)
            case ev.RunFailed():
                self.end = tr.End(seq, at, RunState.FAILED, event.answer, event.code, event.message)
            case ev.RunCancelled():
                message = f"Cancelled by {event.by}."
                self.end = tr.End(seq, at, RunState.CANCELLED, code="cancelled", message=message)
            case _:
                self._note(event, seq, at)

    def _answered(self, event: ev.InputAnswered, at: int) -> None:
        answer = msgspec.convert(msgspec.structs.asdict(event) | {"at": at}, tr.Answered)
        for requests in self.asked.values():
            if (asked := requests.get(event.request_id)) is not None:
                requests[event.request_id] = msgspec.structs.replace(asked, answer=answer)

    def turns(self) -> Iterator[tr.TurnTold]:
        sources = RunSources()
        for turn in self._state.turns:
            stored, event = self._replies[turn.number]
            known = sources.before(self._state, turn.number)
            reply = tr.Reply(event.text, _uses(event), event.stop)
            yield tr.TurnTold(
                turn=turn.number,
                seq=stored.seq,
                at=stored.at,
                prompt=self._prompt(event),
                reply=reply,
                model=event.model,
                input_tokens=event.usage.input_tokens,
                output_tokens=event.usage.output_tokens,
                duration_ms=event.duration_ms,
                last=event.last,
                calls=tuple(
                    self._called(
                        call, () if self._erased else _origins(call, known), untrusted=known.untrusted
                    )
                    for call in turn.begun
                ),
                reasoning=event.reasoning,
                endpoint=event.endpoint,
                passed_over=event.passed_over,
                cached_tokens=event.usage.cached_tokens,
                reasoning_tokens=event.usage.reasoning_tokens,
                cost=event.cost,
            )

    def _prompt(self, event: ev.ModelReplied) -> tr.Prompt | None:
        if (asked := event.request) is None:
            return None
        return tr.Prompt(asked.base, asked.keep, self._prompts.get(event.turn), asked.tools, asked.digest)

    def _called(self, call: Call, origins: tuple[tr.OriginOf, ...], *, untrusted: bool) -> tr.Called:
        outcome = call.outcome
        return tr.Called(
            call_id=call.id,
            index=call.index,
            use_id=call.use_id,
            tool=call.tool,
            alias=call.alias,
            arguments_json=call.arguments_json,
            key=call.key,
            sent_at=tuple(self._sent[call.id]),
            origins=origins,
            untrusted=untrusted,
            asked=tuple(self.asked.get(call.id, {}).values()),
            decision=tr.Decision(outcome.effect, outcome.rule) if outcome and outcome.effect else None,
            outcome=outcome and tr.Outcome(
                self._returned[call.id], outcome.code, outcome.is_error, outcome.text, outcome.structured,
                outcome.trust, outcome.duration_ms, outcome.late,
            ),
        )  # fmt: skip


def _asked(event: ev.InputRequested, seq: int, at: int) -> tr.Asked:
    fields = msgspec.structs.asdict(event) | {"seq": seq, "at": at}
    return msgspec.convert(fields, tr.Asked)


def _origins(call: Call, known: Origins) -> tuple[tr.OriginOf, ...]:
    try:
        arguments = msgspec.json.decode(call.arguments_json, type=JsonObject)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return ()
    return tuple(tr.OriginOf(one.path, one.label, one.where) for one in record(arguments, known))


def _uses(event: ev.ModelReplied) -> tuple[TurnToolUse, ...]:
    return tuple(TurnToolUse(use.id, use.name, use.arguments_json) for use in event.tool_uses)


def _texts(log: Sequence[RunEvent]) -> Mapping[str, bytes]:
    """Everything that the model was told in the run, by digest."""
    told: dict[str, bytes] = {}
    conversation = Conversation()
    state: RunStateData | None = None
    for stored in log:
        event = decode(stored)
        if state is not None and isinstance(event, ev.ModelReplied):
            asked = conversation.asked(state, last=event.last)
            for message, ref in zip(asked.messages, asked.refs, strict=True):
                if not told.keys() >= set(ref.words):
                    told.update(_words(message))
        state = follow(state, stored)
    return told


def _words(message: Message) -> Iterator[tuple[str, bytes]]:
    native = (message.native.items,) if message.native is not None else ()
    for text in (message.text, *(use.arguments_json for use in message.tool_uses), *native):
        body = text.encode()
        yield text_digest(body), body


def _rebuilt(refs: Iterable[MessageRef], texts: Mapping[str, bytes]) -> tuple[TurnMessage, ...] | None:
    try:
        found = rebuilt(tuple(refs), texts)
    except NotFound:
        return None
    return msgspec.convert(msgspec.to_builtins(found), tuple[TurnMessage, ...])
