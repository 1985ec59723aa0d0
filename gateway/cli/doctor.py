"""`toolward doctor`: everything that Toolward needs, looked at, each finding with its remedy."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.checks import computer, files, work
from gateway.cli.checks.finding import Finding
from gateway.cli.colours import coloured
from gateway.cli.output import EXIT_FAILED, EXIT_OK, note, print_json, shorten
from gateway.cli.session import Common
from gateway.config.find import home_directory
from gateway.config.settings import Settings
from toolward.printable import printable

_COLOURS = {"ok": "ok", "warn": "ask", "failed": "failed", "skipped": "dim"}
_LONG = 400


def doctor(
    *,
    offline: Annotated[
        bool, Parameter(help="start no server, and reach no other computer", negative=())
    ] = False,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Check everything, and say the remedy."""
    return asyncio.run(_doctor(common, offline=offline))


async def _doctor(common: Common, *, offline: bool) -> int:
    found: list[Finding] = []
    async for one in findings(common, home_directory(), offline=offline):
        found.append(one)
        if not common.json:
            _say(one)
    failures = sum(one.state == "failed" for one in found)
    warnings = sum(one.state == "warn" for one in found)
    if common.json:
        print_json({"ok": not failures, "findings": [one.shown for one in found]})
    elif failures:
        note(f"{failures} to mend, {warnings} to look at.")
    else:
        note(f"All is well; {warnings} to look at." if warnings else "All is well.")
    return EXIT_FAILED if failures else EXIT_OK


async def findings(common: Common, home: Path, *, offline: bool) -> AsyncIterator[Finding]:
    """In an order in which each can be mended by what stands before it. What a broken configuration hides is not
    looked at."""
    yield computer.of_python()
    of_files: list[Finding] = []
    settings = files.of_configuration(common, home, of_files)
    servers = computer.SERVERS if settings is None else computer.servers_started(settings)
    for one in (*computer.of_packages(servers), *computer.of_home(home)):
        yield one
    yield computer.of_disk(home)
    yield computer.of_clock(home)
    for one in of_files:
        yield one
    if settings is None:
        yield Finding("the rest", "skipped", "what hangs on the configuration was not looked at")
        return
    yield files.of_policy(settings)
    yield files.of_agents(settings)
    for one in files.of_keys(home):
        yield one
    async for one in _at_work(common, settings, home, offline=offline):
        yield one
    async for one in work.of_models(settings, offline=offline):
        yield one
    for one in work.of_ledger(settings, home):
        yield one


async def _at_work(
    common: Common, settings: Settings, home: Path, *, offline: bool
) -> AsyncIterator[Finding]:
    status, found = await work.of_gateway(settings, home)
    for one in found:
        yield one
    if status is not None:
        for one in work.of_running_backends(status):
            yield one
        return
    if found[0].state == "ok":  # else something else answers there, and that was said
        for one in files.of_ports(settings):
            yield one
    if offline:
        yield Finding("backends", "skipped", "no server was started; without --offline they are")
        return
    async for one in work.of_own_backends(common, home):
        yield one


def _say(one: Finding) -> None:
    """In a pipe: state, check, what was found and the remedy, with tabs."""
    if not sys.stdout.isatty():
        print("\t".join(map(printable, (one.state, one.check, one.said, one.remedy))), flush=True)
        return
    word = coloured(f"{one.state:<7}", _COLOURS[one.state], sys.stdout)
    first, *rest = one.said.split("\n")
    print(f"{word}  {one.check:<13}  {shorten(first, _LONG)}", flush=True)
    for line in rest:
        print(f"{'':<24}{printable(line)}")
    if one.remedy:
        print(f"{'':<24}→ {shorten(one.remedy, _LONG)}")
