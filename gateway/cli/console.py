"""`toolward console`: the way into the console of the gateway that runs here."""

import asyncio
import sys
from typing import Annotated

from cyclopts import Parameter

from gateway.bootstrap.links import GOOD_FOR, make_link
from gateway.cli.output import EXIT_OK, note, print_json
from gateway.cli.running import running
from gateway.cli.session import Common, settings_of


def console(
    *,
    open: Annotated[bool, Parameter(name="--open", help="open it in your browser", negative=())] = False,  # noqa: A002 -- the option's name
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Print a link that signs in to the console, once."""
    link = asyncio.run(_link(common))
    opened = open and _open(link)
    if common.json:
        print_json({"link": link, "good_for_seconds": GOOD_FOR, "opened": opened})
        return EXIT_OK
    print(link)
    if sys.stdout.isatty():
        note(f"It signs you in once, within {GOOD_FOR // 60} minutes. Give it to nobody.")
    if open and not opened:
        note("No browser could be opened here; open the link yourself.")
    return EXIT_OK


async def _link(common: Common) -> str:
    settings, home = settings_of(common)
    async with running(settings, home) as gateway:
        await gateway.get(
            "/v1/agents"
        )  # that it runs, and is of this home: another one would not take the link
    return f"{gateway.address}/sign-in?code={make_link(home)}"


def _open(link: str) -> bool:
    """False where there is no browser."""
    import webbrowser

    try:
        return webbrowser.open(link)
    except webbrowser.Error:
        return False
