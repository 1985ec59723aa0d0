"""The list of runs: as a page, as JSON, as CSV."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from gateway.servers.console.parts import Parts
from gateway.servers.console.runs import filters
from gateway.servers.console.sheets import sheet
from gateway.servers.console.telling import now_ms
from gateway.servers.console.visits import Shown, Visit
from gateway.servers.console.when import written
from toolward.errors import InvalidRequest
from toolward.types import Run, RunFilter, RunState

SIZE, MOST = 50, 200
"""Runs on a page, and at most in one answer of JSON."""

MOST_ROWS = 10_000
"""Of a CSV."""

_COLUMNS = (
    *("id", "agent", "owner", "state", "started", "updated", "turns", "calls"),
    *("input_tokens", "output_tokens", "cost_usd", "unpriced"),
    *("input", "answer", "error_code", "error_message", "parent"),
)


# Long because it is one list: each route in it closes over the same parts.
def lists(parts: Parts) -> list[Shown]:
    async def page(visit: Visit) -> Response:
        set_by = filters.asked(visit.query)
        cursor = visit.query.get("cursor", "")
        error: InvalidRequest | None = None
        runs: tuple[Run, ...] = ()
        further = ""
        try:
            only = filters.wanted(set_by, now_ms())
            found = await parts.agents.list_runs(visit.principal, size=SIZE, cursor=cursor or None, only=only)
            runs, further = found.runs, found.next_cursor or ""
        except InvalidRequest as wrong:  # what was typed stays, to be mended
            error = wrong
        agents = await parts.agents.list_agents(visit.principal)
        return parts.pages.render(
            visit, "runs/list.html", status=400 if error else 200, here="runs",
            runs=runs, error=error, states=tuple(RunState),
            set_by={name: set_by.get(name, "") for name in filters.NAMES},
            agents=sorted({agent.name for agent in agents} | {one.agent for one in runs}),
            first=filters.address(set_by) if cursor else "",
            further=filters.address(set_by, cursor=further) if further else "",
            downloads=[(kind, filters.address(set_by, f"/runs.{kind}")) for kind in ("json", "csv")],
            without={name: filters.address(_without(set_by, name)) for name in set_by},
        )  # fmt: skip

    async def as_json(visit: Visit) -> Response:
        only = filters.wanted(filters.asked(visit.query), now_ms())
        cursor = visit.query.get("cursor") or None
        found = await parts.agents.list_runs(visit.principal, size=MOST, cursor=cursor, only=only)
        return Response(msgspec.json.encode(found), media_type="application/json")

    async def as_csv(visit: Visit) -> Response:
        only = filters.wanted(filters.asked(visit.query), now_ms())
        return await sheet("runs", _COLUMNS, _rows(parts, visit, only))

    return [Shown("/runs", page), Shown("/runs.json", as_json), Shown("/runs.csv", as_csv)]


def _without(set_by: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: one for key, one in set_by.items() if key != name}


async def _rows(parts: Parts, visit: Visit, only: RunFilter) -> AsyncGenerator[list[tuple[Any, ...]]]:
    """A page of the list at once."""
    cursor: str | None = None
    count = 0
    while count < MOST_ROWS:
        found = await parts.agents.list_runs(visit.principal, size=MOST, cursor=cursor, only=only)
        yield [_values(run) for run in found.runs]
        cursor, count = found.next_cursor, count + len(found.runs)
        if cursor is None:
            return


def _values(run: Run) -> tuple[Any, ...]:
    return (
        run.id, run.agent, run.owner, run.state.value, written(run.created_at), written(run.updated_at),
        run.turns, run.calls, run.input_tokens, run.output_tokens,
        f"{run.cost / 1e9:.9f}".rstrip("0").rstrip("."), str(run.unpriced).lower(),
        run.input, run.answer, run.error_code, run.error_message, run.parent,
    )  # fmt: skip
