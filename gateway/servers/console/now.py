"""*Now*: what needs a person, what is under way, what failed, which tool servers are down, what today has cost."""

import itertools
import time
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from gateway.servers.console.events import as_it_changes, digest, put, while_signed_in
from gateway.servers.console.inbox.case import rights_of
from gateway.servers.console.parts import Parts
from gateway.servers.console.telling import count, money
from gateway.servers.console.visits import Shown, Visit
from gateway.servers.sse import EventStream
from toolward.errors import Denied
from toolward.types import Run, RunFilter, RunState

UNDER_WAY = (
    RunState.RUNNING,
    RunState.QUEUED,
    RunState.WAITING,
    RunState.INPUT_REQUIRED,
    RunState.PAUSED,
)
ROWS = 8
"""Of each list; the rooms have all of it."""
SECONDS = 5.0
"""Between two looks of a page that is open."""
TODAY_EVERY = 12
"""Looks of which one counts what today has cost: that takes longer than all the rest."""
DAY_MS = 24 * 3600 * 1000


def shown(parts: Parts) -> list[Shown]:
    async def now(visit: Visit) -> Response:
        values: dict[str, Any] = {**await _now(parts, visit), "today": await _today(parts, visit)}
        return parts.pages.render(visit, "now.html", here="now", seen=digest(values), **values)

    async def live(visit: Visit) -> Response:
        looks = itertools.count()
        today = await _today(parts, visit)

        async def read() -> Mapping[str, Any]:
            nonlocal today
            if next(looks) % TODAY_EVERY == TODAY_EVERY - 1:
                today = await _today(parts, visit)
            return {**await _now(parts, visit), "today": today}

        def changed(values: Mapping[str, Any]) -> list[bytes]:
            return [put(parts.pages.text(visit, "now_parts.html", **values))]

        return EventStream(
            while_signed_in(parts, visit, as_it_changes(visit.query.get("seen", ""), read, changed, SECONDS))
        )

    return [Shown("/", now), Shown("/now/live", live)]


async def _now(parts: Parts, visit: Visit) -> Mapping[str, Any]:
    who = visit.principal
    requests = await parts.agents.list_input_requests(who)
    mine = [one for one in requests if rights_of(who, one).answer]
    under_way = [run for state in UNDER_WAY for run in await _runs(parts, visit, RunFilter("", "*", state))]
    since = time.time_ns() // 1_000_000 - DAY_MS
    failed = await _runs(parts, visit, RunFilter("", "*", RunState.FAILED, since=since))
    servers = parts.oversight.health.of_backends(who)
    return {
        "requests": mine[:ROWS],
        "waiting": len(mine),
        "under_way": under_way[:ROWS],
        "failed": failed,
        "ill": [one for one in servers if one.state != "ok"],
        "servers": len(servers),
        "nothing_yet": not (under_way or failed) and not await _runs(parts, visit, RunFilter("", "*")),
    }


async def _today(parts: Parts, visit: Visit) -> tuple[tuple[str, str], ...]:
    """What was used on this day (UTC): names and values; nothing for who may not read the ledger."""
    now = time.time_ns() // 1_000_000
    try:
        total = (await parts.oversight.usage.of(visit.principal, now - now % DAY_MS)).total
    except Denied:
        return ()
    models, runs, calls = total.models, total.runs, total.calls
    if models is None or runs is None or calls is None:  # a total has all of them
        return ()
    cost = 0 if models.cost is None and models.unpriced else models.cost
    return (
        ("Spent", money(cost, models.unpriced > 0)),
        ("Runs", count(runs.runs)),
        ("Calls", count(calls.calls)),
        ("Denied", count(calls.denied)),
        ("Failed", count(calls.errors)),
    )


async def _runs(parts: Parts, visit: Visit, only: RunFilter) -> tuple[Run, ...]:
    return (await parts.agents.list_runs(visit.principal, size=ROWS, only=only)).runs
