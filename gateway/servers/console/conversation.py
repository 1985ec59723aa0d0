"""A run as people read it: who said what, which tools were called, what people were asked. Folded from its events,
one after the other, so that a page and what is sent to it later show the same.

Each line has an id, under which it stands in the page; a later event may change a line that is there.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from gateway.agent import events as ev
from gateway.agent.stored import decode
from gateway.core.people import PEOPLE
from gateway.runs.so_far import log_so_far
from toolward.types import AgentProvider, Json, Principal, Run, RunEvent, TextDelta


class Spoke(NamedTuple):
    """What a person wrote: the input, a message, or what was said before."""

    id: str
    at: int
    by: str
    text: str
    kind: str = "spoke"


class Replied(NamedTuple):
    """What the model said in a turn; empty where it only called tools. `partly`: its reply is not whole yet."""

    id: str
    at: int
    text: str
    partly: bool = False
    kind: str = "replied"


class Called(NamedTuple):
    """`arguments` as the model wrote them. `code` is empty while the call is under way, or `waits` for a person."""

    id: str
    at: int
    call_id: str
    tool: str
    arguments: Json
    effect: str = ""
    rule: str = ""
    code: str = ""
    is_error: bool = False
    text: str = ""
    structured: bool = False
    duration_ms: int = 0
    waits: bool = False
    kind: str = "called"


class Asked(NamedTuple):
    """What people were asked; `answer` tells what came of it, empty while it waits."""

    id: str
    at: int
    request_id: str
    call_id: str
    of: str
    prompt: str
    answer: str = ""
    by: str = ""
    said: str = ""
    kind: str = "asked"


class Noted(NamedTuple):
    id: str
    at: int
    text: str
    kind: str = "noted"


class Ended(NamedTuple):
    """`answer` where it is another than what the model said last."""

    id: str
    at: int
    state: str
    code: str = ""
    message: str = ""
    answer: str = ""
    kind: str = "ended"


Line = Spoke | Replied | Called | Asked | Noted | Ended


class Conversation:
    """`lines` by id, in the order in which they came."""

    def __init__(self, events: Iterable[RunEvent] = ()) -> None:
        self.lines: dict[str, Line] = {}
        self._last_text = ""
        for event in events:
            self.take(event)

    def take(self, stored: RunEvent) -> tuple[Line, ...]:
        """The lines that this event adds or changes. Raises UnreadableEvent."""
        made = tuple(self._lines_of(decode(stored), stored.seq, stored.at))
        self.lines |= {line.id: line for line in made}
        return made

    def before(self, request_id: str) -> list[Line]:
        """What came before this was asked; everything, where it was not."""
        asked = f"asked-{request_id}"
        lines = list(self.lines.values())
        place = next((at for at, line in enumerate(lines) if line.id == asked), len(lines))
        return lines[:place]

    def _lines_of(self, event: ev.Event, seq: int, at: int) -> list[Line]:
        match event:
            case ev.RunStarted():
                said = enumerate(event.before)
                before = [
                    Spoke(
                        f"before-{number}", at, event.owner if one.role == "user" else event.agent, one.text
                    )
                    for number, one in said
                ]
                return [*before, Spoke("input", at, event.owner, event.input)]
            case ev.MessageReceived():
                return [Spoke(f"message-{seq}", at, event.by, event.text)]
            case ev.ModelReplied():
                self._last_text = event.text
                return [Replied(f"turn-{event.turn}", at, event.text)]
            case ev.ToolCalled() | ev.ToolReturned():
                return self._call(event, at)
            case ev.InputRequested() | ev.InputAnswered():
                return self._asking(event, at)
            case _:
                return self._rest(event, seq, at)

    def _call(self, event: ev.ToolCalled | ev.ToolReturned, at: int) -> list[Line]:
        known = self.lines.get(f"call-{event.call_id}")
        if isinstance(event, ev.ToolReturned):
            if not isinstance(known, Called):
                return []
            return [
                known._replace(
                    effect=event.effect,
                    rule=event.rule,
                    code=event.code,
                    is_error=event.is_error,
                    text=event.text,
                    structured=event.structured,
                    duration_ms=event.duration_ms,
                )
            ]
        if event.tool.startswith(f"{PEOPLE}.") or known is not None:
            return []  # what is asked stands there; or it is made again, under the same id
        arguments = _parsed(event.arguments_json)
        return [Called(f"call-{event.call_id}", at, event.call_id, event.tool or event.alias, arguments)]

    def _asking(self, event: ev.InputRequested | ev.InputAnswered, at: int) -> list[Line]:
        name = f"asked-{event.request_id}"
        if isinstance(event, ev.InputRequested):
            asked = Asked(name, at, event.request_id, event.call_id, event.kind.value, event.prompt)
            return [*self._waits(asked, True), asked]
        known = self.lines.get(name)
        if not isinstance(known, Asked):
            return []
        asked = known._replace(answer=_answer(event), by=event.by, said=_words(event))
        return [*self._waits(asked, False), asked]

    def _waits(self, asked: Asked, waits: bool) -> list[Line]:
        call = self.lines.get(f"call-{asked.call_id}")
        return [call._replace(waits=waits)] if isinstance(call, Called) else []

    def _rest(self, event: ev.Event, seq: int, at: int) -> list[Line]:
        match event:
            case ev.RunCompleted():
                answer = "" if event.answer == self._last_text else event.answer
                return [Ended(f"ended-{seq}", at, "completed", answer=answer)]
            case ev.RunFailed():
                answer = "" if event.answer == self._last_text else event.answer
                return [Ended(f"ended-{seq}", at, "failed", event.code, event.message, answer)]
            case ev.RunCancelled():
                return [Ended(f"ended-{seq}", at, "cancelled", message=f"by {event.by}" if event.by else "")]
            case _:
                pass
        text = _note(event)
        return [Noted(f"note-{seq}", at, text)] if text else []


class Writing:
    """What the model says while it says it: the beginning of a reply as a line, and what follows as text that is
    added to it."""

    def __init__(self) -> None:
        self._turn, self._length = 0, 0

    def take(self, piece: TextDelta) -> Replied | str | None:
        """A line where the turn's text begins, also once more; where the reader missed some of it, that is marked,
        and the whole reply comes later. None for what is no text."""
        if piece.kind != "text":
            return None
        goes_on = piece.turn == self._turn and 0 < piece.offset == self._length
        self._turn, self._length = piece.turn, piece.offset + len(piece.text)
        if goes_on:
            return piece.text
        gap = "… " if piece.offset else ""
        return Replied(f"turn-{piece.turn}", 0, gap + piece.text, partly=True)


async def conversation(agents: AgentProvider, principal: Principal, run: Run) -> Conversation:
    """What there is of a run up to now. Raises what `watch_run` raises."""
    found = Conversation()
    for event in await log_so_far(agents, principal, run):
        found.take(event)
    return found


def _answer(event: ev.InputAnswered) -> str:
    if event.void:
        return "void"
    if event.expired:
        return "expired"
    if event.approve is None:
        return "answered"
    return "approved" if event.approve else "denied"


def _words(event: ev.InputAnswered) -> str:
    if event.void:
        return event.void
    said = ": ".join(one.replace("_", " ") for one in (event.choice,) if one)
    return ": ".join(one for one in (said, event.text or event.reason) if one)


def _note(event: ev.Event) -> str:
    match event:
        case ev.RunPaused():
            return f"Paused by {event.by or 'the gateway'}" + (f": {event.reason}" if event.reason else "")
        case ev.RunResumed():
            return f"Resumed by {event.by}"
        case ev.RunRetried():
            return f"Retried by {event.owner} from event {event.after} of {event.parent}"
        case ev.TurnsSummarised():
            return f"The turns up to {event.turn} are summarised from here on"
        case ev.LimitReached():
            return event.message
        case _:
            return ""


def _parsed(text: str) -> Json:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:  # a model may write anything
        return text
