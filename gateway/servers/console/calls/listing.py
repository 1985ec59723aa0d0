"""The list of calls: as a page, as JSON, as CSV."""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from starlette.responses import Response

from gateway.core.ports import SEARCHED, CallFilter, CallLine
from gateway.oversight.calls import Facets
from gateway.servers.console.calls import filters
from gateway.servers.console.parts import Parts
from gateway.servers.console.sheets import sheet
from gateway.servers.console.telling import now_ms
from gateway.servers.console.visits import Shown, Visit
from gateway.servers.console.when import written
from toolward.errors import InvalidRequest

SIZE, MOST = 50, 1_000
"""Calls on a page, and at most in one answer of JSON."""

MOST_ROWS = 10_000
"""Of a CSV."""

_COLUMNS = (
    *("id", "at", "principal", "tool", "effect", "rule", "outcome", "changes"),
    *("run", "agent", "duration_ms", "message"),
)


def lists(parts: Parts) -> list[Shown]:
    calls = parts.oversight.calls

    async def page(visit: Visit) -> Response:
        set_by = filters.asked(visit.query)
        cursor = visit.query.get("cursor", "")
        error: InvalidRequest | None = None
        facets, found, further = Facets(0, {}), (), ""
        try:
            only = filters.wanted(set_by, now_ms())
            facets = await calls.facets(visit.principal, only)
            if facets.calls:
                one = await calls.find(visit.principal, only, size=SIZE, cursor=cursor or None)
                found, further = one.calls, one.next_cursor or ""
        except InvalidRequest as wrong:  # what was typed stays, to be mended
            error = wrong
        return parts.pages.render(
            visit, "calls/list.html", status=400 if error else 200, here="calls",
            calls=found, error=error, set_by=set_by, total=facets.calls, searched=SEARCHED,
            spans=filters.spans(set_by), facets=filters.choices(set_by, facets), few=filters.SHOWN_VALUES,
            without=filters.without(set_by), all_away=filters.address({}),
            first=filters.address(set_by) if cursor else "",
            further=filters.address(set_by, cursor=further) if further else "",
            downloads=[(kind, filters.address(set_by, f"/calls.{kind}")) for kind in ("json", "csv")],
        )  # fmt: skip

    async def as_json(visit: Visit) -> Response:
        only = filters.wanted(filters.asked(visit.query), now_ms())
        cursor = visit.query.get("cursor") or None
        found = await calls.find(visit.principal, only, size=MOST, cursor=cursor)
        return Response(msgspec.json.encode(found), media_type="application/json")

    async def as_csv(visit: Visit) -> Response:
        only = filters.wanted(filters.asked(visit.query), now_ms())
        return await sheet("calls", _COLUMNS, _rows(parts, visit, only))

    return [Shown("/calls", page), Shown("/calls.json", as_json), Shown("/calls.csv", as_csv)]


async def _rows(parts: Parts, visit: Visit, only: CallFilter) -> AsyncGenerator[list[tuple[Any, ...]]]:
    """A page of the list at once."""
    cursor: str | None = None
    count = 0
    while count < MOST_ROWS:
        found = await parts.oversight.calls.find(visit.principal, only, size=MOST, cursor=cursor)
        yield [_values(call) for call in found.calls]
        cursor, count = found.next_cursor, count + len(found.calls)
        if cursor is None:
            return


def _values(call: CallLine) -> tuple[Any, ...]:
    took = None if call.duration_us is None else call.duration_us / 1_000
    return (
        *(call.id, written(call.at), call.principal, call.tool, call.effect, call.rule, call.outcome),
        *(str(call.changes).lower(), call.run_id, call.agent, took, call.message),
    )
