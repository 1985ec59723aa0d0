"""`toolward run pause|resume|cancel|retry|send|rate`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.ask import concluded, follow
from gateway.cli.output import EXIT_OK, note, print_json
from gateway.cli.session import Common, Session, open_session
from toolward.types import Run

NoWait = Annotated[bool, Parameter(name="--no-wait", help="do not watch it to its answer", negative=())]
Work = Callable[[Session], Awaitable[Run]]


def pause(run_id: str, /, *, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Stop the work on a run until it is resumed."""
    return _told(lambda session: session.agents.pause_run(session.principal, run_id), common)


def cancel(run_id: str, /, *, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """End a run."""
    return _told(lambda session: session.agents.cancel_run(session.principal, run_id), common)


def rate(
    run_id: str,
    score: Annotated[float, Parameter(help="-1 (bad) to 1 (good)")],
    /,
    *,
    comment: Annotated[str, Parameter(help="why")] = "",
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Say how good a run was."""

    def work(session: Session) -> Awaitable[Run]:
        return session.agents.rate_run(session.principal, run_id, score, comment)

    return _told(work, common, f"{run_id} is rated {score:g}.")


def resume(
    run_id: str,
    /,
    *,
    no_wait: NoWait = False,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Let a paused run go on."""

    def work(session: Session) -> Awaitable[Run]:
        return session.agents.resume_run(session.principal, run_id)

    return _followed(work, no_wait, common)


def retry(
    run_id: str,
    /,
    *,
    after: Annotated[int, Parameter(help="the new run shares the events up to this number")],
    no_wait: NoWait = False,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Start a new run that shares the beginning of this one."""

    def work(session: Session) -> Awaitable[Run]:
        return session.agents.retry_run(session.principal, run_id, after)

    return _followed(work, no_wait, common)


def send(
    run_id: str,
    text: Annotated[str, Parameter(help="what you say next")],
    /,
    *,
    no_wait: NoWait = False,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Go on with a run's conversation."""

    def work(session: Session) -> Awaitable[Run]:
        return session.agents.send_message(session.principal, run_id, text)

    return _followed(work, no_wait, common)


def _told(work: Work, common: Common, said: str = "") -> int:
    async def done() -> Run:
        async with open_session(common) as session:
            return await work(session)

    run = asyncio.run(done())
    print_json(run) if common.json else note(said or f"{run.id} is {run.state.value}.")
    return EXIT_OK


def _followed(work: Work, no_wait: bool, common: Common) -> int:
    if no_wait:
        return _told(work, common)

    async def done() -> Run:
        async with open_session(common) as session:
            run = await work(session)
            return await follow(session, run.id, after=run.last_seq, as_json=common.json)

    return concluded(asyncio.run(done()), as_json=common.json)
