"""`toolward up`: the gateway, its tool servers, its doors."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Annotated

from cyclopts import Parameter, validators

from gateway.bootstrap import Gateway, open_doors, open_gateway
from gateway.cli.hangups import heeding_hangups
from gateway.cli.listening import may_listen
from gateway.cli.output import EXIT_OK, counted, exit_code, print_json
from gateway.cli.session import Common, loading
from gateway.cli.up_said import log, log_form, say_outcome, say_what_runs, tell
from gateway.config.find import home_directory
from toolward.doors.running import run_loop, settled
from toolward.doors.serve import Opened, until_stopped
from toolward.errors import ToolwardError
from toolward.telemetry.logs import log_to_stderr

MAX_WORKERS = 64


def up(
    *,
    resume: Annotated[
        bool, Parameter(help="go on with unfinished runs; otherwise they are left for the next start")
    ] = True,
    workers: Annotated[
        int,
        Parameter(
            help="processes that do the gateway's work; see docs/workers.md",
            validator=validators.Number(gte=1, lte=MAX_WORKERS),
        ),
    ] = 1,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Start the gateway and the configured tool servers; Ctrl-C stops all."""
    log_to_stderr(log_form())
    try:
        if workers == 1:
            run_loop(_up_alone(common, resume=resume))
        else:
            from gateway.cli.up_workers import up_with_workers

            run_loop(up_with_workers(common, workers, resume=resume))
    except ToolwardError as error:
        if common.json or log_form() == "text":
            raise
        log.error("%s", error.text)
        return exit_code(error)
    return EXIT_OK


async def _up_alone(common: Common, *, resume: bool) -> None:
    home = home_directory()
    load = loading(common, home)
    settings = load()
    await may_listen(settings, home)
    stopped = until_stopped()
    # From before the first word on: who reads that we start may send the signal.
    with heeding_hangups(stopped.set) as hangups:
        if not common.json:
            servers = counted(len(settings.backends), "tool server")
            tell(f"Starting {servers} (configuration: {settings.source})")
        async with (
            open_gateway(settings, home, load=load, patient=False) as gateway,
            open_doors(gateway) as opened,
        ):
            hangups.reload = gateway.reload.nudge
            unfinished = await gateway.runs.unfinished() if resume else 0
            async with going_on(gateway, resume=resume):
                await _serve(common, gateway, opened, stopped, unfinished)


@asynccontextmanager
async def going_on(gateway: Gateway, *, resume: bool) -> AsyncGenerator[None, None]:
    """Go on with unfinished runs, beside what else is done, where that is wished."""
    if not resume:
        yield
        return
    working = asyncio.create_task(gateway.take_up_runs())
    try:
        yield
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def _serve(
    common: Common, gateway: Gateway, opened: Opened, stopped: asyncio.Event, resumed: int
) -> None:
    if common.json:
        print_json({"http": f"{opened.scheme}://{opened.http}", "grpc": str(opened.grpc), "resumed": resumed})
    else:
        gateway.reload.on_outcome(say_outcome)
        await say_what_runs(gateway, opened, resumed)
    settled()
    with suppress(asyncio.CancelledError):
        await stopped.wait()
    if not common.json:
        tell("\nStopping: calls in work are finished first.")
