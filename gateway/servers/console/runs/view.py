"""What the page of a run shows: a window of its steps, its waterfall, and where its time and money went. The page
and what is sent to it later are made of the same values."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

from gateway.runs.so_far import log_so_far
from gateway.servers.console.runs.steps import RunSteps, Span, Step
from gateway.servers.console.runs.times import Axis, Bar, Part, Whose, bars, parts, shares, strip
from toolward.types import AgentProvider, Principal, Run, RunState

GROUPS = 50
"""Steps at the top (turns, messages …) on one page of a long run."""

WORDS: dict[Whose, str] = {
    "model": "Model",
    "tool": "Tools",
    "person": "Waiting for people",
    "pause": "Paused",
    "gateway": "Gateway",
}


class Used(NamedTuple):
    """What one model or tool took together."""

    kind: str
    name: str
    times: int
    ms: int | None
    cost: int | None
    unpriced: bool
    failed: int


class View:
    """Of one moment, `now` (Unix milliseconds). `page` counts from 1; 0 is the one that a reader wants who named
    none: the first, and of a run in work the last. `chosen` is the step that is looked at."""

    def __init__(self, run: Run, steps: RunSteps, now: int, *, page: int = 0, chosen: int = 0) -> None:
        self.run, self.steps = run, steps
        self.until = steps.until(now)
        self.chosen = steps.find(chosen)
        self.pages = max(1, -(-len(steps.groups) // GROUPS))
        if self.chosen is not None and not page:
            page = steps.position(self.chosen.seq) // GROUPS + 1
        self.page = min(max(page, 0), self.pages) or (1 if run.state.ended else self.pages)

    @property
    def words(self) -> dict[Whose, str]:
        return WORDS

    @property
    def groups(self) -> Sequence[Step]:
        return self.steps.groups[(self.page - 1) * GROUPS : self.page * GROUPS]

    @cached_property
    def parts(self) -> list[Part]:
        return parts((*self.steps.spans, *self._asking()), self.steps.began, self.until)

    def _asking(self) -> Iterable[Span]:
        """While a run is in work and no call is under way, its model is asked; the log has that when it replied."""
        if self.run.state is RunState.RUNNING and not any(
            span.end is None and span.kind == "tool" for span in self.steps.spans
        ):
            return (Span("model", self.steps.at),)
        return ()

    @cached_property
    def axis(self) -> Axis:
        return Axis(self.parts, grows=not self.run.state.ended)

    def bars(self, step: Step) -> list[Bar]:
        return bars(step.spans, self.axis, self.steps.began, self.until)

    def took_of(self, step: Step) -> int | None:
        """Milliseconds; of what is under way up to now."""
        if step.took is None and (begun := [span.start for span in step.spans if span.end is None]):
            return max(self.until - begun[-1], 0)
        return step.took

    @cached_property
    def shares(self) -> dict[Whose, int]:
        return shares(self.parts)

    def share_of(self, ms: int) -> str:
        """Of the whole time, in percent: what is nearly nothing, or nearly all, is not told as that."""
        share = 100 * ms / (self.took or 1)
        if ms and share < 0.1:
            return "< 0.1"
        return "> 99.9" if ms < self.took and share > 99.9 else f"{share:.3g}"

    @property
    def strip(self) -> list[Bar]:
        return strip(self.parts)

    @property
    def took(self) -> int:
        """Milliseconds from the run's beginning to its end, without the time between its end and a message."""
        return sum(self.shares.values())

    @property
    def folded(self) -> list[tuple[str, int]]:
        """The waits that are drawn shorter than they were: whose, and how long together."""
        sums: dict[str, int] = {}
        for part in self.axis.folded:
            name = "between its end and a message" if part.whose == "idle" else WORDS[part.whose].lower()
            sums[name] = sums.get(name, 0) + part.ms
        return list(sums.items())

    @property
    def open_requests(self) -> list[Step]:
        asked = [one for one in self.steps.open if one.kind == "request"]
        return asked if not self.run.state.ended else []

    @cached_property
    def used(self) -> list[Used]:
        """What each model and tool took, the longest first."""
        found: dict[tuple[str, str], Used] = {}
        for step in self.steps.own:
            if step.kind == "turn" or step.type in ("turns_summarised", "input_classified"):
                name = str(step.data["model"] or step.data["endpoint"] or "")
                one = Used("model", name, 1, step.took, step.data["cost"], step.unpriced, 0)
            elif step.kind == "call":
                failed = bool(step.end and step.end["is_error"])
                name = str(step.data["tool"] or step.data["alias"])
                one = Used("tool", name, 1, step.took, None, False, int(failed))
            else:
                continue
            if name:
                found[one.kind, name] = _together(found.get((one.kind, name)), one)
        return sorted(found.values(), key=lambda one: -(one.ms or 0))

    @property
    def rating(self) -> Step | None:
        """The newest, which counts."""
        return next((one for one in reversed(self.steps.groups) if one.kind == "rating"), None)


def _together(before: Used | None, one: Used) -> Used:
    if before is None:
        return one
    return Used(
        one.kind,
        one.name,
        before.times + 1,
        _sum(before.ms, one.ms),
        _sum(before.cost, one.cost),
        before.unpriced or one.unpriced,
        before.failed + one.failed,
    )


def _sum(one: int | None, other: int | None) -> int | None:
    known = [value for value in (one, other) if value is not None]
    return sum(known) if known else None


async def read_steps(agents: AgentProvider, principal: Principal, run: Run) -> RunSteps:
    """Those of the run's log. Raises as `watch_run`."""
    steps = RunSteps()
    for event in await log_so_far(agents, principal, run):
        steps.take(event)
    return steps
