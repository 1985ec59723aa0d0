"""`python -m benchmarks.crm [--rounds 5] [--calls 200] [--packs support,large] [--databases sqlite,postgres]`:
takes about a quarter of an hour, most of it to build the large pack.

What the CRM's tools cost in process (through `server.call_tool`, one call after the other) and two of them over MCP
HTTP; what it costs to make a world, to bring it back to its beginning, and to keep and restore a moment. Medians
over rounds; each goes over all databases and packs in turn, each time in a fresh copy of the world.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec

from benchmarks.crm.databases import Databases, databases
from benchmarks.crm.wishes import Wish, call, wishes
from tests.integration.served import served
from toolservers.crm.tools import Settings, server
from toolward.client import connect
from toolward.errors import ToolwardError

WARM = 10  # calls of a kind that are not counted


class Measured(NamedTuple):
    database: str
    pack: str
    what: str
    figure: float
    unit: str  # 1/s or ms


async def in_process(where: Path | str, pack: str, count: int) -> AsyncIterator[tuple[str, float, str]]:
    async with server.running(Settings(where, pack, admin=True)):
        async for what, took in _bringing_back():
            yield what, took, "ms"
        async for wish in wishes(count):
            if figure := await _a_second(wish):
                yield wish.what, figure, "1/s"


async def _bringing_back() -> AsyncIterator[tuple[str, float]]:
    for what, tool, arguments in (
        ("save_snapshot", "save_snapshot", {"name": "before"}),
        ("reset_world", "reset_world", {}),
        ("restore_snapshot", "restore_snapshot", {"name": "before"}),
        ("reset_world, again", "reset_world", {}),
        ("diff_world, nothing changed", "diff_world", {"since": "before"}),
    ):
        began = time.perf_counter()
        done = await call(tool, **arguments)
        if done.is_error:
            raise ToolwardError(done.text)
        yield what, (time.perf_counter() - began) * 1e3


async def _a_second(wish: Wish) -> float:
    """Calls a second of those that were let through, behind the first ones; 0 where there were none."""
    took: list[float] = []
    for arguments in wish.calls:
        began = time.perf_counter()
        done = await call(wish.tool, **arguments)
        if not done.is_error:
            took.append(time.perf_counter() - began)
    counted = took[WARM:] if len(took) > 2 * WARM else took
    return len(counted) / sum(counted) if counted else 0.0


async def over_http(where: Path | str, pack: str, count: int) -> AsyncIterator[tuple[str, float, str]]:
    environment = {"TOOLWARD_CRM_DATABASE": str(where), "TOOLWARD_CRM_PACK": pack}
    with served(module="toolservers.crm", **environment) as at:
        async with connect(f"{at.url}/mcp", timeout=60) as client:
            found: Any = (
                await client.call("find_records", {"record_type": "ticket", "status": "open"})
            ).structured
            ticket = found["records"][0]["id"]
            order = {"record_id": "ORD-1007"}
            message = {"ticket_id": ticket, "body": "It is being looked for.", "internal": True}
            for tool, arguments in (("get_record", order), ("add_ticket_message", message)):
                for at_once in (1, 16):
                    turns = [client.call(tool, arguments) for _ in range(count)]
                    began = time.perf_counter()
                    await _in_turns(turns, at_once)
                    figure = count / (time.perf_counter() - began)
                    yield f"{tool} over MCP HTTP, {at_once} at once", figure, "1/s"


async def _in_turns(calls: Sequence[Awaitable[Any]], at_once: int) -> None:
    left = iter(calls)

    async def worker() -> None:
        for one in left:
            await one

    await asyncio.gather(*(worker() for _ in range(at_once)))


def measure(rounds: int, count: int, packs: list[str], names: list[str]) -> Iterator[Measured]:
    found: dict[tuple[str, str, str, str], list[float]] = defaultdict(list)
    with (
        tempfile.TemporaryDirectory(prefix="toolward-bench-", ignore_cleanup_errors=True) as folder,
        databases(Path(folder), names) as kinds,
    ):
        for pack in packs:
            for kind in kinds:
                began = time.perf_counter()
                kind.build(pack)
                found[kind.name, pack, "made with its pack", "ms"].append((time.perf_counter() - began) * 1e3)
        for _ in range(rounds):
            for pack in packs:
                for kind in kinds:
                    for what, figure, unit in asyncio.run(_round(kind, pack, count)):
                        found[kind.name, pack, what, unit].append(figure)
    for (database, pack, what, unit), figures in found.items():
        yield Measured(database, pack, what, median(figures), unit)


async def _round(kind: Databases, pack: str, count: int) -> list[tuple[str, float, str]]:
    inside = [one async for one in in_process(kind.fresh(pack), pack, count)]
    return inside + [one async for one in over_http(kind.fresh(pack), pack, count)]


def table(found: list[Measured]) -> str:
    columns = list(dict.fromkeys((one.database, one.pack) for one in found))
    figures = {(one.database, one.pack, one.what): one.figure for one in found}
    lines = ["| | " + " | ".join(f"{database}, {pack}" for database, pack in columns) + " |"]
    lines.append("|---|" + "---:|" * len(columns))
    for what, unit in dict.fromkeys((one.what, one.unit) for one in found):
        shown = (figures.get((*column, what)) for column in columns)
        cells = ["–" if figure is None else f"{figure:,.{0 if figure > 100 else 1}f}" for figure in shown]
        lines.append(f"| {what} ({unit}) | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crm", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=200, help="of each kind in a round")
    parser.add_argument("--packs", default="support,large")
    parser.add_argument("--databases", default="sqlite,postgres")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    began = time.monotonic()
    found = list(measure(given.rounds, given.calls, given.packs.split(","), given.databases.split(",")))
    if given.json:
        print(msgspec.json.encode([one._asdict() for one in found]).decode())
        return
    seconds = time.monotonic() - began
    print(f"{os.cpu_count()} processors, medians of {given.rounds} rounds, {seconds:.0f} s\n\n{table(found)}")


if __name__ == "__main__":
    main()
