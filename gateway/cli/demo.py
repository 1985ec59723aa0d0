"""`toolward demo`: the main job on real input, in a home of its own that is made anew each time."""

import asyncio
import json
import shutil
import sys
from pathlib import Path

import msgspec

from gateway.bootstrap import Gateway, local_person, open_gateway
from gateway.cli.ask import code_of, follow
from gateway.cli.colours import coloured
from gateway.cli.output import EXIT_FAILED, EXIT_OK, note, print_json, shorten
from gateway.cli.session import Common, Session
from gateway.config.builtin import builtin_settings, workspace
from gateway.config.find import home_directory, make_home
from toolward.errors import ConfigurationError, Denied
from toolward.printable import printable_lines
from toolward.types import NO_CONTEXT, ToolCall

QUESTION = (
    "Order ORD-1007 arrived damaged. Look up the order, check what our returns policy says about damaged items, "
    "work out a 15 % goodwill credit on its total, and save a short summary to notes/ORD-1007.md."
)
SUMMARY = Path("notes/ORD-1007.md")
REFUSED = ToolCall(
    "crm.refund_payment",
    json.dumps({"payment_id": "PAY-5007", "amount_minor": 250_000, "reason": "goodwill"}).encode(),
)
_MARK = "made-by-toolward-demo"
_TRANSPORTS = {"stdio": "MCP over stdio", "http": "MCP over HTTP", "grpc": "gRPC"}


def demo(*, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Run the main job once."""
    return asyncio.run(_demo(common))


async def _demo(common: Common) -> int:
    home = _fresh(make_home(home_directory()) / "demo")
    note("Starting four tool servers")
    settings = msgspec.structs.replace(
        builtin_settings(home, free_ports=True), lock="off"
    )  # for one time only
    async with open_gateway(settings, home) as gateway:
        _say_tools(gateway)
        note(f"\nQuestion to the agent support ({gateway.models.said})\n  {QUESTION}\n")
        session = Session(
            gateway.dispatch, gateway.runs, local_person(gateway.settings), gateway.info, gateway
        )
        started = await gateway.runs.start_run(session.principal, "support", QUESTION)
        run = await follow(session, started.id, as_json=common.json)
        written = workspace(home) / SUMMARY
        if common.json:
            print_json(run)
        else:
            print(f"\n{printable_lines(run.answer)}\n")
        if (code := code_of(run)) != EXIT_OK:
            return code
        if not written.is_file():
            note(f"The run did not write {written}.")
            return EXIT_FAILED
        note(f"The file is {written}")
        if not await _show_denial(session):
            return EXIT_FAILED
    _say_next()
    return EXIT_OK


def _fresh(home: Path) -> Path:
    """An empty folder; only one that a demo made before is emptied. Raises ConfigurationError."""
    mark = home / _MARK
    if home.exists() and any(home.iterdir()) and not mark.exists():
        raise ConfigurationError(
            f"{home} holds something that no demo made, so it is left alone.",
            hint="Set TOOLWARD_HOME elsewhere.",
        )
    if home.exists():
        shutil.rmtree(home)
    home.mkdir(mode=0o700)
    mark.touch()
    return home


def _say_tools(gateway: Gateway) -> None:
    for listing in gateway.backends.listings():
        names = ", ".join(tool.name for tool in listing.tools) or shorten(listing.problem, 300)
        note(f"  {listing.backend:<11} {_TRANSPORTS[listing.transport]:<15} {names}")


async def _show_denial(session: Session) -> bool:
    """One call that policy denies, made for real."""
    note(f"\nOne call that policy denies: {REFUSED.name} {REFUSED.arguments_json.decode()}")
    try:
        await session.tools.call_tool(session.principal, REFUSED, NO_CONTEXT)
    except Denied as error:
        note(f"  {coloured('deny', 'deny')}  {error.message}")
        return True
    note("  It was not denied.")
    return False


def _say_next() -> None:
    command = str(Path(sys.argv[0]).absolute()) if sys.argv[0].endswith("toolward") else "toolward"
    note("\nNext:")
    note(f"  {command} up                    starts it, and prints a link to its console")
    note(f"  {command} client list           the desktop clients that it can be put into")
