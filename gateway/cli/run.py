"""`toolward run list|watch`."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.ask import concluded, follow
from gateway.cli.options import StateOption
from gateway.cli.output import EXIT_OK, EXIT_WAITING, note, print_json, shorten
from gateway.cli.session import Common, Session, open_session
from gateway.cli.tables import print_table
from gateway.cli.times import since_ms
from gateway.cli.watch import Narrator, tell_whole
from toolward.types import Run, RunEvent, RunFilter


def list_runs(
    *,
    agent: Annotated[str, Parameter(help="only runs of this agent")] = "",
    owner: Annotated[str, Parameter(help="runs of this person instead of yours; * is everybody's")] = "",
    state: StateOption = None,
    tool: Annotated[str, Parameter(help="only runs that called this tool, by its qualified name")] = "",
    since: Annotated[
        str, Parameter(help="started at most so long ago (12h, 2d), or from 2026-11-25 on")
    ] = "",
    until: Annotated[str, Parameter(help="started longer ago than this, or before this time")] = "",
    min_tokens: Annotated[int, Parameter(help="only runs that used at least so many tokens")] = 0,
    limit: Annotated[int, Parameter(help="at most this many, 1 to 200")] = 20,
    cursor: Annotated[str, Parameter(help="go on where the page before ended: its next_cursor")] = "",
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """List runs, newest first."""
    began, ended = since_ms(since, "--since"), since_ms(until, "--until")
    only = RunFilter(agent, owner, state, tool, began, ended, min_tokens)
    return asyncio.run(_list(only, limit, cursor, common))


async def _list(only: RunFilter, limit: int, cursor: str, common: Common) -> int:
    async with open_session(common, tools=False) as session:
        page = await session.agents.list_runs(session.principal, size=limit, cursor=cursor or None, only=only)
    if common.json:
        print_json(page)
        return EXIT_OK
    header = ("run", "started", "agent", "owner", "state", "turns", "calls", "tokens", "input")
    print_table(header, [_row(run) for run in page.runs])
    if page.next_cursor:
        note(f"There are more: --cursor {page.next_cursor}")
    return EXIT_OK


def _row(run: Run) -> tuple[object, ...]:
    started = datetime.fromtimestamp(run.created_at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    done = (run.state.value, run.turns, run.calls, run.input_tokens + run.output_tokens)
    return run.id, started, run.agent, run.owner, *done, shorten(run.input, 60)


async def _so_far(session: Session, run: Run, after: int = 0) -> tuple[RunEvent, ...]:
    """The events that there are; a run in work goes on."""
    events: list[RunEvent] = []
    if run.last_seq <= after:
        return ()
    async for event in session.agents.watch_run(session.principal, run.id, after):
        if isinstance(event, RunEvent):
            events.append(event)
            if event.seq >= run.last_seq:
                break
    return tuple(events)


def watch(
    run_id: str,
    /,
    *,
    after: Annotated[int, Parameter(help="only what comes behind the event of this number")] = 0,
    deltas: Annotated[
        bool, Parameter(help="also what the model says in pieces, as they come", negative=())
    ] = False,
    reasoning: Annotated[
        bool, Parameter(help="the same with the model's reasoning, where its endpoint shows it", negative=())
    ] = False,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Watch a run to its end."""
    narrator = Narrator(reasoning=reasoning)
    return asyncio.run(_watch(run_id, after, deltas or reasoning, narrator, common))


async def _watch(run_id: str, after: int, deltas: bool, narrator: Narrator, common: Common) -> int:
    async with open_session(common) as session:
        if session.own is None:
            run = await follow(
                session, run_id, after=after, deltas=deltas, narrator=narrator, as_json=common.json
            )
            return concluded(run, narrator, as_json=common.json)
        run = await session.agents.get_run(session.principal, run_id)
        events = await _so_far(session, run, after if common.json else 0)
    for event in events if common.json else ():
        print_json(event)
    if not common.json:
        tell_whole(events, after)
    if not run.state.ended:
        note("No gateway works on it now. Start one: toolward up")
    return concluded(run, as_json=common.json) if run.state.ended else EXIT_WAITING
