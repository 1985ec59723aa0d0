"""*Usage*: cost, tokens, calls, errors, latencies and people's time; as charts, tables and files."""

import re
from collections.abc import AsyncGenerator, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from gateway.oversight.usage import Usage, UsageRow
from gateway.servers.console import telling
from gateway.servers.console.charts import Chart, Series, chart
from gateway.servers.console.parts import Parts
from gateway.servers.console.sheets import sheet
from gateway.servers.console.visits import Shown, Visit
from gateway.servers.console.when import DAY, midnight, moment
from toolward.errors import InvalidRequest

SPANS = (("Today", 1), ("7 days", 7), ("30 days", 30), ("90 days", 90))
USUAL = 30

_COLUMNS = (
    *("by", "name", "cost_usd", "replies", "unpriced_replies", "input_tokens", "output_tokens"),
    *("model_p50_ms", "model_p95_ms", "calls", "errors", "denied", "call_p50_ms", "call_p95_ms"),
    *("runs", "failed_runs", "human_answers", "human_p50_ms", "human_p95_ms"),
)


class Asked(NamedTuple):
    """`days` is what the address says; 0 where it names other times. Times in Unix ms, `until` 0 for now."""

    days: int
    since: int
    until: int


def shown(parts: Parts) -> list[Shown]:
    async def used(visit: Visit) -> Usage:
        asked = _asked(visit, telling.now_ms())
        return await parts.oversight.usage.of(visit.principal, asked.since, asked.until)

    async def page(visit: Visit) -> Response:
        error: InvalidRequest | None = None
        now = telling.now_ms()
        try:
            asked = _asked(visit, now)
        except InvalidRequest as wrong:  # what was typed stays, to be mended
            asked, error = _of_days(USUAL, now), wrong
        usage = await parts.oversight.usage.of(visit.principal, asked.since, asked.until)
        query = urlencode(
            [(name, visit.query[name]) for name in ("days", "since", "until") if name in visit.query]
        )
        return parts.pages.render(
            visit, "usage/page.html", status=400 if error else 200, here="usage",
            usage=usage, total=usage.total, charts=charts_of(usage), error=error,
            spans=[(word, f"/usage?days={days}", days == asked.days) for word, days in SPANS],
            since=visit.query.get("since", ""), until=visit.query.get("until", ""),
            downloads=[(kind, f"/usage.{kind}" + (f"?{query}" if query else "")) for kind in ("json", "csv")],
        )  # fmt: skip

    async def as_json(visit: Visit) -> Response:
        return Response(msgspec.json.encode(await used(visit)), media_type="application/json")

    async def as_csv(visit: Visit) -> Response:
        return await sheet("usage", _COLUMNS, _rows(await used(visit)))

    return [Shown("/usage", page), Shown("/usage.json", as_json), Shown("/usage.csv", as_csv)]


def _asked(visit: Visit, now: int) -> Asked:
    """Raises InvalidRequest, naming the field."""
    since, until, days = (visit.query.get(name, "").strip() for name in ("since", "until", "days"))
    if since or until:
        asked = Asked(0, moment(since, "since", now), moment(until, "until", now))
        if asked.since >= (asked.until or now + 1):
            raise InvalidRequest("until is not after since.", hint="Let the time begin before it ends.")
        return asked
    if days and not (re.fullmatch("[0-9]{1,3}", days) and 1 <= int(days) <= 400):
        raise InvalidRequest(f"days is {days[:40]!r}, which is no number of days.", hint="Write 1 to 400.")
    return _of_days(int(days or USUAL), now)


def _of_days(days: int, now: int) -> Asked:
    """Today and the days before it, so many together."""
    return Asked(days, midnight(now) - (days - 1) * DAY, 0)


def charts_of(usage: Usage) -> list[Chart]:
    days = usage.days
    places = [day.name for day in days]
    calls = [(one.calls.calls - one.calls.errors - one.calls.denied, one.calls.errors, one.calls.denied)
             for one in days if one.calls]  # fmt: skip

    def values(number: int) -> Sequence[float]:
        return [one[number] for one in calls]

    models = [one.models for one in days if one.models]
    return [
        chart("Cost", places, [Series("Cost", "one", [one.cost for one in models])], _money),
        chart(
            "Tokens", places,
            [Series("in", "one", [one.input_tokens for one in models]),
             Series("out", "two", [one.output_tokens for one in models])], _count,
        ),
        chart(
            "Calls", places,
            [Series("fine", "allow", values(0)), Series("errors", "deny", values(1)),
             Series("denied", "ask", values(2))], _count,
        ),
        chart(
            "Model replies, 95 % within", places,
            [Series("p95", "one", [one.took.p95 for one in models])], _ms, units=_TIMES,
        ),
        chart(
            "Tool calls, 95 % within", places,
            [Series("p95", "two", [one.calls.took.p95 for one in days if one.calls])], _ms, units=_TIMES,
        ),
        chart(
            "People, half within", places,
            [Series("p50", "ask", [one.people.took.p50 for one in days if one.people])], _ms, units=_TIMES,
        ),
    ]  # fmt: skip


_TIMES = (1.0, 1_000.0, 60_000.0, 3_600_000.0)
"""Milliseconds that people count in."""


def _money(value: float | None) -> str:
    return telling.money(None if value is None else round(value))


def _ms(value: float | None) -> str:
    return telling.duration(value)


def _count(value: float | None) -> str:
    """`1.2 M` on an axis, where there is no room for more."""
    if value is None:
        return telling.NOTHING
    for size, word in ((1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")):
        if value >= size:
            unit = 1_000 if word == "k" else size
            return f"{value / unit:.3g} {word}"
    return f"{value:,.4g}" if value < 1_000 else f"{value:,.0f}"


async def _rows(usage: Usage) -> AsyncGenerator[list[tuple[Any, ...]]]:
    lists = (("total", (usage.total,)), ("day", usage.days), ("agent", usage.agents))
    lists += (("model", usage.models), ("tool", usage.tools))
    yield [_values(by, row) for by, rows in lists for row in rows]


def _values(by: str, row: UsageRow) -> tuple[Any, ...]:
    """What is not told apart by that stays empty."""
    models, calls, runs, people = row.models, row.calls, row.runs, row.people
    cost = (
        None if models is None or models.cost is None else f"{models.cost / 1e9:.9f}".rstrip("0").rstrip(".")
    )
    return (
        *(by, row.name, cost),
        *(
            (models.replies, models.unpriced, models.input_tokens, models.output_tokens)
            if models
            else (None,) * 4
        ),
        *((models.took.p50, models.took.p95) if models else (None,) * 2),
        *((calls.calls, calls.errors, calls.denied) if calls else (None,) * 3),
        *((calls.took.p50, calls.took.p95) if calls else (None,) * 2),
        *((runs.runs, runs.failed) if runs else (None,) * 2),
        *((people.answers, people.took.p50, people.took.p95) if people else (None,) * 3),
    )
