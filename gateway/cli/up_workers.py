"""`toolward up --workers N`: this process is the supervisor. It owns the addresses and the servers that the gateway
starts, and keeps N workers alive, which do the rest."""

import asyncio
import os
import signal
import sys
from functools import partial

from gateway.bootstrap.handover import Handover
from gateway.bootstrap.supervision import Supervised, open_supervised
from gateway.bootstrap.workers import Workers, WorkerTiming
from gateway.cli.hangups import heeding_hangups
from gateway.cli.listening import may_listen
from gateway.cli.output import counted, print_json
from gateway.cli.session import Common, loading
from gateway.cli.up_said import tell
from gateway.config.find import home_directory
from toolward.doors.running import settled
from toolward.doors.serve import until_stopped
from toolward.errors import ConfigurationError

COMMAND = (sys.executable, "-P", "-m", "gateway.cli.worker")
"""Without the working directory among the places that modules come from: nobody vouches for what lies there."""

TO_END = 20.0
"""Seconds that a worker has to end beside those for the calls in work."""


async def up_with_workers(common: Common, workers: int, *, resume: bool) -> None:
    """Until SIGTERM or SIGINT. Raises ConfigurationError."""
    if sys.platform != "linux":
        raise ConfigurationError(
            "Workers need Linux, where the kernel shares connections out between them.",
            hint="Leave --workers out: one process does the work.",
        )
    home = home_directory()
    settings = loading(common, home)()
    await may_listen(settings, home)
    stopped = until_stopped()
    with heeding_hangups(stopped.set) as hangups:
        if not common.json:
            begun = f"Starting {counted(len(settings.backends), 'tool server')} and {workers} workers"
            tell(f"{begun} (configuration: {settings.source})")
        async with open_supervised(settings, home) as has:

            def handover(number: int) -> Handover:
                return _handover(number, workers, common, has, resume=resume)

            timing = WorkerTiming(stop=settings.limits.drain + TO_END)
            async with Workers(COMMAND, handover, workers, timing) as at_work:
                hangups.reload = partial(at_work.pass_on, signal.SIGHUP)
                await _serve(common, workers, has, at_work, stopped)


async def _serve(
    common: Common, workers: int, has: Supervised, at_work: Workers, stopped: asyncio.Event
) -> None:
    _say(common, workers, has, at_work)
    at_work.go(says=not common.json)
    settled()
    await stopped.wait()
    if not common.json:
        tell("\nStopping: calls in work are finished first.")


def _handover(number: int, workers: int, common: Common, has: Supervised, *, resume: bool) -> Handover:
    return Handover(
        number=number,
        workers=workers,
        supervisor=os.getpid(),
        http=has.http,
        grpc=has.grpc,
        owned=has.handed,
        at_start=has.at_start,
        config="" if common.config is None else str(common.config),
        json=common.json,
        resume=resume,
    )


def _say(common: Common, workers: int, has: Supervised, at_work: Workers) -> None:
    first = at_work.reports[1]
    if common.json:
        where = {"http": f"{first.scheme}://{has.http}", "grpc": str(has.grpc)}
        print_json({**where, "resumed": first.unfinished, "workers": workers})
        return
    tell(
        f"  {workers} workers share the addresses. MCP clients of the eras before 2026-07-28 get no session from\n"
        "  them: no questions in their own window, no news of changed tools. See docs/workers.md."
    )
