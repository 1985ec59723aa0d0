"""*Now*: what needs a person, what is under way, what failed, which tool servers are down."""

import time
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from gateway.servers.console.events import as_it_changes, digest, put, while_signed_in
from gateway.servers.console.inbox.case import rights_of
from gateway.servers.console.parts import Parts
from gateway.servers.console.visits import Shown, Visit
from gateway.servers.sse import EventStream
from toolward.errors import ToolwardError
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
DAY_MS = 24 * 3600 * 1000


def shown(parts: Parts) -> list[Shown]:
    async def now(visit: Visit) -> Response:
        values = await _now(parts, visit)
        return parts.pages.render(visit, "now.html", here="now", seen=digest(values), **values)

    async def live(visit: Visit) -> Response:
        async def read() -> Mapping[str, Any]:
            return await _now(parts, visit)

        def changed(values: Mapping[str, Any]) -> list[bytes]:
            return [put(parts.pages.text(visit, "now_parts.html", **values))]

        return EventStream(
            while_signed_in(parts, visit, as_it_changes(visit.query.get("seen", ""), read, changed))
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


async def _runs(parts: Parts, visit: Visit, only: RunFilter) -> tuple[Run, ...]:
    try:
        return (await parts.agents.list_runs(visit.principal, size=ROWS, only=only)).runs
    except ToolwardError:  # who may read no runs has a page without them
        return ()
