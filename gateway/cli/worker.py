"""One worker of `toolward up --workers N`: a gateway that starts no servers, at an address that others share.
Started by the supervisor alone, as `python -P -m gateway.cli.worker`, which says on standard input what it is to do
(`gateway.bootstrap.handover`)."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from gateway.bootstrap import Gateway, open_doors, open_gateway
from gateway.bootstrap.handover import MAX_LINE, Go, Handover, Report, line
from gateway.bootstrap.owned import check_start, reached_by
from gateway.cli.hangups import heeding_hangups
from gateway.cli.output import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from gateway.cli.session import Common, loading
from gateway.cli.up import going_on
from gateway.cli.up_said import log_form, say_outcome, say_what_runs
from gateway.config.find import home_directory
from toolward.doors.address import Address
from toolward.doors.running import run_loop, settled
from toolward.doors.serve import Opened, until_stopped
from toolward.errors import ToolwardError
from toolward.telemetry.logs import log_to_stderr

_SET_PDEATHSIG = 1


def main() -> int:
    report = _report_pipe()
    with open(0, "rb", buffering=0, closefd=False) as told:
        said = told.readline(MAX_LINE)
    if not said:  # the supervisor has ended
        return EXIT_OK
    try:
        handover = msgspec.json.decode(said, type=Handover)
    except msgspec.DecodeError:
        print("This is started by `toolward up --workers N`, and not by hand.", file=sys.stderr)
        return EXIT_USAGE
    _die_with(handover.supervisor)
    log_to_stderr(log_form())
    try:
        run_loop(_work(handover, report))
    except ToolwardError as error:
        with suppress(OSError):
            report.write(line(Report(error=error.message, hint=error.hint or "")))
        return EXIT_FAILED
    except BrokenPipeError:  # the supervisor has ended
        pass
    return EXIT_OK


def _report_pipe() -> BinaryIO:
    """Standard output as it was; what is printed by anybody from now on goes to standard error."""
    report = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return report


def _die_with(supervisor: int) -> None:
    """Whatever this process is at: nothing that it does may outlast what tells it to stop."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != supervisor:  # it died before we asked
        os._exit(EXIT_FAILED)


async def _work(handover: Handover, report: BinaryIO) -> None:
    home = home_directory()
    common = Common(Path(handover.config) if handover.config else None, handover.json)
    load = loading(common, home)
    settings = load()
    check_start(settings, handover.at_start)
    reached = reached_by(handover.owned)
    at = Opened(Address(*handover.http), Address(*handover.grpc))
    stopped = until_stopped()
    with heeding_hangups(stopped.set) as hangups:
        async with (
            open_gateway(settings, home, load=load, patient=False, reached=reached) as gateway,
            open_doors(gateway, at) as opened,
        ):
            hangups.reload = gateway.reload.nudge
            await _serve(handover, report, gateway, opened, stopped)


async def _serve(
    handover: Handover, report: BinaryIO, gateway: Gateway, opened: Opened, stopped: asyncio.Event
) -> None:
    unfinished = await gateway.runs.unfinished() if handover.resume else 0
    report.write(line(Report(unfinished, opened.scheme)))
    async with _supervised(stopped) as told:
        if (go := await _go(told, stopped)) is None:
            return
        if go.tells:
            gateway.reload.on_outcome(say_outcome)
        if go.says:
            await say_what_runs(gateway, opened, unfinished)
        settled()
        async with going_on(gateway, resume=handover.resume):
            await stopped.wait()


@asynccontextmanager
async def _supervised(stopped: asyncio.Event) -> AsyncGenerator[asyncio.Future[Go]]:
    """Gives what the supervisor says; its end sets `stopped`."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[Go] = loop.create_future()
    orders = asyncio.StreamReader(limit=MAX_LINE)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)

    async def listen() -> None:
        while said := await orders.readline():
            if not told.done():
                told.set_result(msgspec.json.decode(said, type=Go))
        stopped.set()

    listening = asyncio.create_task(listen(), name="supervisor")
    try:
        yield told
    finally:
        listening.cancel()
        await asyncio.wait([listening])
        transport.close()


async def _go(told: asyncio.Future[Go], stopped: asyncio.Event) -> Go | None:
    """None where it is to stop before it began."""
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait({told, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    return None if stopped.is_set() or not told.done() else told.result()


if __name__ == "__main__":
    raise SystemExit(main())
