"""`toolward up`: the gateway, its tool servers, its doors."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from gateway.bootstrap import Gateway, make_link, open_doors, open_gateway, secret_file
from gateway.cli.hangups import heeding_hangups
from gateway.cli.output import EXIT_OK, coloured, note, print_json, shorten
from gateway.cli.session import Common, loading
from gateway.config.find import home_directory
from gateway.core.ports import Listing
from toolward.doors.running import run_loop, settled
from toolward.doors.serve import Opened, until_stopped
from toolward.printable import printable_lines
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
    log_to_stderr(os.environ.get("TOOLWARD_LOG_FORMAT", "text"))
    if workers == 1:
        run_loop(_up_alone(common, resume=resume))
    else:
        from gateway.cli.up_workers import up_with_workers

        run_loop(up_with_workers(common, workers, resume=resume))
    return EXIT_OK


async def _up_alone(common: Common, *, resume: bool) -> None:
    home = home_directory()
    load = loading(common, home)
    settings = load()
    stopped = until_stopped()
    # From before the first word on: who reads that we start may send the signal.
    with heeding_hangups(stopped.set) as hangups:
        if not common.json:
            note(f"Starting {len(settings.backends)} tool servers (configuration: {settings.source})")
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
    if not common.json:
        gateway.reload.on_outcome(say_outcome)
    if common.json:
        print_json({"http": f"{opened.scheme}://{opened.http}", "grpc": str(opened.grpc), "resumed": resumed})
    else:
        await say_what_runs(gateway, opened, resumed)
    settled()
    with suppress(asyncio.CancelledError):
        await stopped.wait()
    if not common.json:
        note("\nStopping: calls in work are finished first.")


async def say_what_runs(gateway: Gateway, opened: Opened, resumed: int) -> None:
    """The backends as they are now, where the doors are, and what to do next."""
    for listing in gateway.backends.listings():
        note(f"  {_state(listing)}")
    for problem in (
        *gateway.settings.notes,
        *gateway.dispatch.catalog.problems,
        *gateway.dispatch.policy.problems,
    ):
        note(f"  {coloured('note', 'ask')}  {shorten(problem, 400)}")
    note(f"\n  model    {gateway.models.said}")
    note(f"  HTTP     {opened.scheme}://{opened.http}  (console, REST, /docs, MCP at /mcp)")
    note(f"  gRPC     {opened.grpc}")
    note(f"  token    in {secret_file(gateway.home)}")
    if resumed:
        note(f"  resumes  {resumed} unfinished runs")
    if gateway.models.is_offline:
        await offer_local_models()
    note('\nTry:  toolward ask "Where is my order ORD-1003?"')
    note(
        f"Console, signed in by this link, once:  {console_link(gateway.home, opened)}\nCtrl-C stops everything."
    )


def console_link(home: Path, opened: Opened) -> str:
    """Where the person at this computer signs in to the console."""
    at = opened.http
    if at is not None and at.host in ("0.0.0.0", "::"):  # noqa: S104 -- no address to go to
        at = at._replace(host="127.0.0.1")
    return f"{opened.scheme}://{at}/sign-in?code={make_link(home)}"


def _state(listing: Listing) -> str:
    """Of one backend, in one line."""
    if listing.problem:
        state, said = coloured("down", "failed"), shorten(listing.problem, 200)
    else:
        state, said = coloured("ok  ", "ok"), f"{len(listing.tools)} tools"
        if listing.warning:
            state, said = coloured("warn", "ask"), f"{said}; {shorten(listing.warning, 200)}"
    return f"{state}  {listing.backend:<12} {listing.transport:<5}  {said}"


def say_outcome(said: str, failed: bool) -> None:
    """Of a reading of the configuration; failures are in the log already, which goes to the same place."""
    if not failed:
        note(printable_lines(said))


async def offer_local_models() -> None:
    """Say which model servers answer on this computer, and how to use them; switches to none."""
    from gateway.bootstrap.models import find_local

    for server in await find_local():
        note(
            f"\n  {server.name} answers at {server.base_url}. To use it:\n"
            f"  TOOLWARD_MODEL_URL={server.base_url} TOOLWARD_MODEL_NAME={server.model}"
        )
