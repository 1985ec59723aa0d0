"""`toolward run list|show`."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.output import EXIT_OK, note, print_json, print_table, printable_lines, shorten
from gateway.cli.session import Common, open_session
from gateway.cli.watch import tell_whole
from toolward.types import Run, RunEvent, RunState


def list_runs(
    *,
    limit: Annotated[int, Parameter(help="at most this many, 1 to 200")] = 20,
    state: Annotated[RunState | None, Parameter(help="only runs in this state")] = None,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """List your runs, newest first."""
    return asyncio.run(_list(limit, state, common))


async def _list(limit: int, state: RunState | None, common: Common) -> int:
    async with open_session(common) as session:
        page = await session.agents.list_runs(session.principal, size=limit, state=state)
    if common.json:
        print_json(page)
        return EXIT_OK
    header = ("run", "started", "agent", "state", "turns", "calls", "input")
    print_table(header, [_row(run) for run in page.runs])
    return EXIT_OK


def _row(run: Run) -> tuple[object, ...]:
    started = datetime.fromtimestamp(run.created_at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return run.id, started, run.agent, run.state.value, run.turns, run.calls, shorten(run.input, 60)


def show(run_id: str, /, *, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Show one run, event by event."""
    return asyncio.run(_show(run_id, common))


async def _show(run_id: str, common: Common) -> int:
    async with open_session(common) as session:
        run = await session.agents.get_run(session.principal, run_id)
        events: list[RunEvent] = []
        async for event in session.agents.watch_run(session.principal, run_id):
            events.append(event)
            if event.seq >= run.last_seq:  # a run in work goes on; what there is now is shown
                break
    if common.json:
        print_json({"run": run, "events": events})
        return EXIT_OK
    tell_whole(tuple(events))
    note()
    print(printable_lines(run.answer or f"{run.state.value}: {run.error_message or 'no answer yet'}"))
    return EXIT_OK
