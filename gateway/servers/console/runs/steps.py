"""A run's log as the steps that people see: turns with their calls, what people were asked within them, and what
else happened, in the order in which it began. Pure; takes a whole log, or goes on with each new event.

A run that retries another shares the first events of that one: their steps are `shared`, and their times are not
this run's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from toolward.types import RunEvent

Kind = Literal["input", "message", "turn", "call", "request", "note", "pause", "retry", "rating", "end"]
SpanKind = Literal["model", "tool", "person", "pause", "idle"]


class Fields(dict[str, Any]):
    """Of an event. One that it does not have is None: another event has it, or an older one did not yet."""

    def __missing__(self, name: str) -> None:
        return None


@dataclass(slots=True)
class Span:
    """A time in which something was under way, in Unix milliseconds; `end` is None while it still is."""

    kind: SpanKind
    start: int
    end: int | None = None


@dataclass(slots=True)
class Step:
    """`seq` is the number of the event that begins it, and names it; `data` are that event's fields. `end` are
    those of the event that ended it. Of a run itself waiting for a person the request is a step of its own."""

    seq: int
    kind: Kind
    type: str
    at: int
    data: Fields
    spans: list[Span] = field(default_factory=list[Span])
    steps: list["Step"] = field(default_factory=list["Step"])
    end: Fields | None = None
    ended_at: int = 0
    void: bool = False  # the run ended, or was retried, before it did
    shared: bool = False
    group: int = 0  # seq of the step at the top that it belongs to

    @property
    def took(self) -> int | None:
        """Milliseconds; None where it takes no time, or is not over."""
        if self.kind == "turn" or self.type == "turns_summarised":
            return self.data["duration_ms"]
        if self.kind == "call":
            return self.end["duration_ms"] if self.end is not None else None
        if self.kind in ("request", "pause") and self.end is not None:
            return self.ended_at - self.at
        return None

    @property
    def under_way(self) -> bool:
        return any(span.end is None for span in self.spans)

    @property
    def unpriced(self) -> bool:
        """Whether a model took tokens here that have no known price."""
        usage = self.usage
        return self.data["cost"] is None and bool(usage["input_tokens"] or usage["output_tokens"])

    @property
    def usage(self) -> Fields:
        """Tokens, of what a model was asked here."""
        return Fields(self.data["usage"] or {})

    @property
    def arguments(self) -> str:
        """Of a call, as they were sent: a person may have changed what the model wrote."""
        for asked in reversed(self.steps):
            if asked.end is not None and (changed := asked.end["arguments_json"]):
                return str(changed)
        return str(self.data["arguments_json"] or "")

    @property
    def said(self) -> str:
        """What it is about, in words of somebody's."""
        if self.kind == "call":
            return self.arguments
        if self.kind == "retry":
            return f"from event {self.data['after']} of {self.data['parent']}"
        names = ("input", "prompt", "reason", "comment", "message", "text")
        return next((str(self.data[name]) for name in names if self.data[name]), "")

    @property
    def state(self) -> str:
        """Of a request, in the words of `RequestState`."""
        said = self.end
        if said is None:
            return "void" if self.void else "open"
        if said["void"]:
            return "void"
        if said["expired"]:
            return "expired"
        if said["approve"] is None:
            return "answered"
        return "approved" if said["approve"] else "denied"


class RunSteps:
    """Takes the events of one run in their order. `touched` has the groups (steps at the top, by `seq`) that
    changed since it was cleared."""

    def __init__(self) -> None:
        self.groups: list[Step] = []
        self.spans: list[Span] = []
        self.touched: set[int] = set()
        self.seq = 0
        self.began = self.at = 0
        """When the run's own part began, and when its newest event was; Unix milliseconds."""
        self._steps: dict[int, Step] = {}
        self._turns: dict[int, Step] = {}
        self._calls: dict[str, Step] = {}
        self._requests: dict[str, Step] = {}
        self._open: dict[int, Step] = {}
        self._idle: Span | None = None
        self._takes: Mapping[str, Callable[[RunEvent], None]] = {
            "run_started": self._started,
            "message_received": self._message,
            "model_replied": self._replied,
            "tool_called": self._called,
            "tool_returned": self._returned,
            "input_requested": self._requested,
            "input_answered": self._answered,
            "results_folded": self._noted,
            "turns_summarised": self._noted,
            "input_classified": self._noted,
            "limit_reached": self._noted,
            "run_paused": self._paused,
            "run_resumed": self._resumed,
            "run_retried": self._retried,
            "run_rated": self._rated,
            "run_completed": self._ended,
            "run_failed": self._ended,
            "run_cancelled": self._ended,
        }

    def take(self, event: RunEvent) -> None:
        """Events of a type that is not known here change nothing."""
        self.began = self.began or event.at
        self.seq, self.at = event.seq, event.at
        if (take := self._takes.get(event.type)) is not None:
            take(event)

    def until(self, now: int) -> int:
        """Where the run's time ends: with the run, or `now`."""
        return self._idle.start if self._idle is not None else max(now, self.at)

    def find(self, seq: int) -> Step | None:
        return self._steps.get(seq)

    @property
    def open(self) -> list[Step]:
        """Those under way, in the order in which they began."""
        return list(self._open.values())

    @property
    def own(self) -> list[Step]:
        """Every step, at the top or within one, that is this run's own."""
        return [step for step in self._steps.values() if not step.shared]

    def position(self, seq: int) -> int:
        """The index of the group that a step is in. Raises LookupError."""
        group = self._steps[seq].group
        return next(index for index, one in enumerate(self.groups) if one.seq == group)

    def _begin(self, event: RunEvent, kind: Kind, within: Step | None = None) -> Step:
        step = Step(event.seq, kind, event.type, event.at, Fields(event.data))
        step.group = within.group if within else step.seq
        (within.steps if within else self.groups).append(step)
        self._steps[step.seq] = step
        self._touch(step)
        return step

    def _span(self, step: Step, kind: SpanKind, start: int, end: int | None = None) -> None:
        span = Span(kind, start, end)
        step.spans.append(span)
        self.spans.append(span)
        if end is None:
            self._open[step.seq] = step

    def _close(self, step: Step, at: int) -> None:
        for span in step.spans:
            if span.end is None:
                span.end = max(at, span.start)
        self._open.pop(step.seq, None)
        self._touch(step)

    def _finish(self, step: Step, event: RunEvent) -> None:
        step.end, step.ended_at = Fields(event.data), event.at
        self._close(step, event.at)

    def _touch(self, step: Step) -> None:
        self.touched.add(step.group)

    # --- what each type of event does ---------------------------------------------------------------------

    def _started(self, event: RunEvent) -> None:
        self._begin(event, "input")

    def _message(self, event: RunEvent) -> None:
        if self._idle is not None:
            self._idle.end, self._idle = event.at, None
        self._begin(event, "message")

    def _replied(self, event: RunEvent) -> None:
        turn = self._begin(event, "turn")
        self._turns[event.data["turn"]] = turn
        self._span(turn, "model", event.at - max(event.data.get("duration_ms", 0), 0), event.at)

    def _called(self, event: RunEvent) -> None:
        call = self._calls.get(event.data["call_id"])
        if call is None:
            call = self._begin(event, "call", self._turns.get(event.data["turn"]))
            self._calls[event.data["call_id"]] = call
        self._close(call, event.at)  # one that was lost with its gateway
        self._span(call, "tool", event.at)

    def _returned(self, event: RunEvent) -> None:
        if (call := self._calls.get(event.data["call_id"])) is not None:
            self._finish(call, event)

    def _requested(self, event: RunEvent) -> None:
        call = self._calls.get(event.data.get("call_id") or "")
        if call is not None:
            self._close(call, event.at)
        request = self._begin(event, "request", call)
        self._requests[event.data["request_id"]] = request
        self._span(request, "person", event.at)

    def _answered(self, event: RunEvent) -> None:
        if (request := self._requests.get(event.data["request_id"])) is not None:
            self._finish(request, event)

    def _noted(self, event: RunEvent) -> None:
        note = self._begin(event, "note")
        if took := event.data.get("duration_ms"):
            self._span(note, "model", event.at - took, event.at)

    def _paused(self, event: RunEvent) -> None:
        self._span(self._begin(event, "pause"), "pause", event.at)

    def _resumed(self, event: RunEvent) -> None:
        for step in [one for one in self._open.values() if one.kind == "pause"]:
            self._finish(step, event)

    def _retried(self, event: RunEvent) -> None:
        """What was before is another run's, and its times are no times of this one."""
        self._leave_open(event.at)
        for step in self._steps.values():
            step.shared = True
            step.spans.clear()
        self.spans.clear()
        self._idle = None
        self.began = event.at
        self._begin(event, "retry")

    def _rated(self, event: RunEvent) -> None:
        self._begin(event, "rating")

    def _ended(self, event: RunEvent) -> None:
        self._leave_open(event.at)
        self._begin(event, "end")
        self._idle = Span("idle", event.at)
        self.spans.append(self._idle)

    def _leave_open(self, at: int) -> None:
        for step in list(self._open.values()):
            step.void = True
            self._close(step, at)
