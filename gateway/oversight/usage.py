"""What was used, for who may read the ledger: by day, agent, model and tool, with people's time told apart."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from gateway.core.latencies import Latencies
from gateway.core.ports import UNDER_WAY, Authorize, DayUsed, Replies, UsagePort, Used
from gateway.oversight.calls import READ
from toolward.errors import ToolwardError
from toolward.types import Principal, RunState

DAY = 24 * 3_600_000
NO_FAULT = frozenset({"ok", UNDER_WAY, "denied", "approval_required"})
"""Outcomes that are no error: a refusal by policy, and the wait for a person, are what was wanted."""


class Lengths(msgspec.Struct, frozen=True):
    """In milliseconds, within 1.6 %; None where nothing was measured."""

    p50: float | None = None
    p95: float | None = None


class CallsUsed(msgspec.Struct, frozen=True):
    """`errors` failed, on their way or in the tool; `denied` were refused by policy. `took` is of those that were
    sent, without people's time."""

    calls: int = 0
    errors: int = 0
    denied: int = 0
    took: Lengths = Lengths()


class ModelsUsed(msgspec.Struct, frozen=True):
    """`cost` is in billionths of a US dollar, of the replies that have a price: None where none has one, or there
    are none. `unpriced` counts those that have no price."""

    replies: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: int | None = None
    unpriced: int = 0
    took: Lengths = Lengths()


class RunsUsed(msgspec.Struct, frozen=True):
    """By the day on which they were started."""

    runs: int = 0
    failed: int = 0


class PeopleUsed(msgspec.Struct, frozen=True):
    """What people were asked and have answered: how often, and how long it took."""

    answers: int = 0
    took: Lengths = Lengths()


class UsageRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of a day (`2026-11-26`, UTC), an agent, a model (`endpoint model`) or a tool. What is not told apart by that
    is None."""

    name: str
    calls: CallsUsed | None = None
    models: ModelsUsed | None = None
    runs: RunsUsed | None = None
    people: PeopleUsed | None = None


class Usage(msgspec.Struct, frozen=True):
    """`days` are all of the time, also those on which nothing was; the other lists have what there was, the most
    expensive or frequent first. Times in Unix ms."""

    since: int
    until: int
    total: UsageRow
    days: tuple[UsageRow, ...]
    agents: tuple[UsageRow, ...]
    models: tuple[UsageRow, ...]
    tools: tuple[UsageRow, ...]


MAX_DAYS = 400
"""Days that are told of at once: of a longer time the last ones."""


DAYS_AHEAD = 31
AHEAD_AFTER, AHEAD_PAUSE = 3.0, 0.05
"""Seconds after the start, and between two days."""


class UsageView:
    """Raises Denied for who may not read the ledger."""

    def __init__(self, ledger: UsagePort, authorize: Authorize, now: Callable[[], int]) -> None:
        self._ledger, self._authorize, self._now = ledger, authorize, now

    async def of(self, principal: Principal, since: int, until: int = 0) -> Usage:
        """From `since` on and before `until` (Unix ms; 0 = now): of a time to come there is nothing."""
        if denied := self._authorize(principal, READ, {}):
            raise denied
        now = self._now() + 1
        until = min(until or now, now)
        since = max(since, (until // DAY - MAX_DAYS + 1) * DAY)
        used = await self._ledger.used(principal.tenant, since, until)
        return await asyncio.to_thread(usage_of, used, since, until)  # a month takes a twentieth of a second


async def count_ahead(ledger: UsagePort, tenants: Iterable[str], now: Callable[[], int]) -> None:
    """Has the ledger count the days that the page shows at first, so that whoever looks first need not wait for it:
    the newest first, one after the other, and with pauses in which others work. What goes wrong is told to who
    looks."""
    today = now() // DAY
    await asyncio.sleep(AHEAD_AFTER)
    for tenant in tenants:
        for day in range(today - 1, today - DAYS_AHEAD, -1):
            with suppress(ToolwardError):
                await ledger.used(tenant, day * DAY, (day + 1) * DAY)
            await asyncio.sleep(AHEAD_PAUSE)


def usage_of(used: Used, since: int, until: int) -> Usage:
    total, days, agents, models, tools = _Sum(), _sums(), _sums(), _sums(), _sums()
    for day in used.days:
        for (tool, end), count in _by_end(day).items():
            _each(_Sum.add_calls, (total, days[day.day], tools[tool]), end, count)
        for tool, took in day.took.items():
            _each(_Sum.add_took, (total, days[day.day], tools[tool]), took)
        for (agent, endpoint, model), some in day.replies.items():
            waited = day.waited.get((agent, endpoint, model), Latencies())
            named = f"{endpoint} {model}".strip()
            _each(_Sum.add_replies, (total, days[day.day], agents[agent], models[named]), some, waited)
    for (at, (agent, state)), count in used.runs.items():
        _each(_Sum.add_runs, (total, days[at], agents[agent]), state, count)
    for wait in used.waits:
        _each(_Sum.add_wait, (total, days[wait.day], agents[wait.agent]), wait.waited_ms)
    agents.pop("", None)  # calls that no run made wait for people, too
    every_day = range(since // DAY, (until - 1) // DAY + 1)
    return Usage(
        since,
        until,
        total.row("", *_ALL),
        tuple(days[day].row(_date(day), *_ALL) for day in every_day),
        _rows(agents, "runs", "models", "people"),
        _rows(models, "models"),
        _rows(tools, "calls"),
    )


_ALL = ("calls", "models", "runs", "people")
_End = Literal["fine", "error", "denied"]


class _Sum:
    """What one row has, as it is added up."""

    def __init__(self) -> None:
        self.ends: dict[_End, int] = {"fine": 0, "error": 0, "denied": 0}
        self.replies = Replies()
        self.runs = self.failed = self.answers = 0
        self.took, self.waited, self.people = Latencies(), Latencies(), Latencies()

    def add_calls(self, end: _End, count: int) -> None:
        self.ends[end] += count

    def add_took(self, took: Latencies) -> None:
        self.took.take_in(took)

    def add_replies(self, some: Replies, waited: Latencies) -> None:
        self.replies = self.replies.plus(some)
        self.waited.take_in(waited)

    def add_runs(self, state: str, count: int) -> None:
        self.runs += count
        self.failed += count if state == RunState.FAILED else 0

    def add_wait(self, waited_ms: int) -> None:
        self.answers += 1
        self.people.add(waited_ms * 1_000)

    def weight(self) -> tuple[int, int, int, int]:
        """By which rows are put in order."""
        one = self.replies
        return one.cost, one.input_tokens + one.output_tokens, sum(self.ends.values()), self.runs

    def row(self, name: str, *parts: str) -> UsageRow:
        one = self.replies
        priced = one.replies > one.unpriced
        known: dict[str, Any] = {
            "calls": CallsUsed(
                sum(self.ends.values()), self.ends["error"], self.ends["denied"], _lengths(self.took)
            ),
            "models": ModelsUsed(
                *(one.replies, one.input_tokens, one.output_tokens, one.cost if priced else None),
                unpriced=one.unpriced,
                took=_lengths(self.waited),
            ),
            "runs": RunsUsed(self.runs, self.failed),
            "people": PeopleUsed(self.answers, _lengths(self.people)),
        }
        return UsageRow(name, **{part: known[part] for part in parts})


def _sums() -> defaultdict[Any, _Sum]:
    return defaultdict(_Sum)


def _each(add: Callable[..., None], sums: Iterable[_Sum], *what: Any) -> None:
    for one in sums:
        add(one, *what)


def _by_end(day: DayUsed) -> dict[tuple[str, _End], int]:
    """The day's calls by tool, and by what people want to know of their ends."""
    found: dict[tuple[str, _End], int] = {}
    for (tool, _, effect, _, outcome), count in day.calls.items():
        refused = effect == "deny" or outcome == "denied"
        end: _End = "denied" if refused else "fine" if outcome in NO_FAULT else "error"
        found[tool, end] = found.get((tool, end), 0) + count
    return found


def _rows(sums: Mapping[str, _Sum], *parts: str) -> tuple[UsageRow, ...]:
    """The most expensive or frequent first."""
    names = sorted(sums, key=lambda name: (tuple(-one for one in sums[name].weight()), name))
    return tuple(sums[name].row(name, *parts) for name in names)


def _lengths(of: Latencies) -> Lengths:
    found = (of.quantile(0.5), of.quantile(0.95))
    return Lengths(*(None if one is None else one / 1_000 for one in found))


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY / 1000, UTC).strftime("%Y-%m-%d")
