"""`toolward status`: how the gateway is that runs here."""

import asyncio
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from gateway.cli.colours import coloured
from gateway.cli.output import EXIT_FAILED, EXIT_OK, counted, note, print_json, shorten
from gateway.cli.running import running
from gateway.cli.session import Common, settings_of
from toolward.printable import printable

_LONG = 200
_NAME = 14  # characters of the first column on a terminal
_BACKEND = (5, 12, 6)
_STATES = ("running", "waiting", "input_required", "paused")


class Told(NamedTuple):
    """What the gateway says of itself, how many requests wait for the person at this computer, and how many of
    their runs are in each state that is no end."""

    address: str
    status: dict[str, Any]
    requests: int
    runs: dict[str, int]


def status(*, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Say how the gateway is. Raises Unavailable where none runs."""
    told = asyncio.run(_ask(common))
    wrong = list(problems(told.status))
    if common.json:
        print_json(
            {
                "address": told.address,
                "ok": not wrong,
                "input_requests": told.requests,
                "runs": told.runs,
                **told.status,
            }
        )
        return EXIT_FAILED if wrong else EXIT_OK
    for row in _rows(told):
        _say(row)
    for line in wrong:
        note(f"{coloured('problem', 'failed')}  {shorten(line, 400)}")
    if told.requests:
        note("See what waits for you: toolward inbox list")
    return EXIT_FAILED if wrong else EXIT_OK


async def _ask(common: Common) -> Told:
    settings, home = settings_of(common)
    async with running(settings, home) as gateway:
        found = await gateway.get("/v1/status")
        requests = (await gateway.get("/v1/input-requests"))["input_requests"]
        runs = {state: len((await gateway.get(f"/v1/runs?state={state}"))["runs"]) for state in _STATES}
    return Told(gateway.address, found, len(requests), runs)


def problems(status: dict[str, Any]) -> Iterator[str]:
    """What is wrong, each in a line for people."""
    if status["problem"]:
        yield f"The configuration that is in force is not what its files say now: {status['problem']}"
    yield from status["policy"]["problems"]
    yield from status["catalog"]["problems"]
    for model in status["models"]:
        if model["problem"]:
            yield f"The model endpoint {model['name']}: {model['problem']}"
    if status["keys"]["problem"]:
        yield status["keys"]["problem"]


def _say(row: tuple[str, ...]) -> None:
    """In columns on a terminal, in a pipe with tabs."""
    cells = [printable(cell) for cell in row]
    if not sys.stdout.isatty():
        print("\t".join(cells))
        return
    widths = (_NAME, *_BACKEND) if len(cells) > 2 else (_NAME,)
    padded = [f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=False)]
    print(" ".join([*padded, *cells[len(widths) :]]))


def _rows(told: Told) -> Iterator[tuple[str, ...]]:
    """What it is about, and what is said of it; of backends in more columns: state, name, transport."""
    status = told.status
    yield "gateway", f"{told.address} (process {status['process']})"
    yield "configuration", str(status["configuration"])
    yield "policy", f"{status['policy']['version']}{_counted(status['policy']['warnings'])}"
    for one in status["backends"]:
        said = (
            one["problem"]
            or f"{counted(one['tools'], 'tool')}{'; ' if one['warning'] else ''}{one['warning']}"
        )
        yield "backend", _state(one), one["name"], one["transport"], shorten(said, _LONG)
    for one in status["models"]:
        said = f": {one['problem']}" if one["problem"] else ""
        yield "model", f"{one['name']} ({one['model']}){shorten(said, _LONG)}"
    yield "API keys", str(status["keys"]["count"])
    runs = (f"{count} {state.replace('_', ' ')}" for state, count in told.runs.items() if count)
    yield "your runs", ", ".join(runs) or "none at work"
    yield (
        "inbox",
        f"{counted(told.requests, 'request')} to answer" if told.requests else "nothing waits for you",
    )
    if status["restart_for"]:
        yield "restart", f"to put in force: {', '.join(status['restart_for'])}"


def _state(backend: dict[str, Any]) -> str:
    return "down" if backend["problem"] else "warn" if backend["warning"] else "ok"


def _counted(warnings: list[str]) -> str:
    return f", {counted(len(warnings), 'warning')}" if warnings else ""
