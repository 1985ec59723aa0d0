"""`python -m benchmarks.catalog [--rounds 20] [--json]`: takes about twenty seconds.

What a catalog of 5,000 tools costs when it is made, when one of its backends goes and comes back, and a call
through it. Processor time, so that what else the machine does is not counted; medians over rounds.
"""

import argparse
import asyncio
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

import msgspec

from gateway.core.catalog import Catalog, build_catalog
from gateway.core.dispatch import Dispatch
from gateway.core.lock import Origins, ToolsLock, pin_unpinned, withhold
from gateway.core.policy import BoundPolicy, Policy, PolicySource, bind, parse_policy
from gateway.core.ports import Listing
from tests.twins import TwinBackends, TwinClock, TwinIds, TwinLedger
from toolward.types import NO_CONTEXT, JsonObject, Principal, Tool, ToolCall

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]+$"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 100},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["id"],
    "additionalProperties": False,
}
RULES = [
    {"id": "reads", "tools": ["*"], "principals": ["role:clerk"], "effect": "allow"},
    {"id": "not-many", "tools": ["b1.*"], "effect": "deny", "when": "args.limit > 50"},
    {"id": "asks", "tools": ["b2.*"], "effect": "ask", "approvers": ["role:lead"]},
]
CLERK = Principal("ada", ("clerk",))
CALLS = 500
ORIGINS: Origins = {}


class Measured(NamedTuple):
    what: str
    ms: float


class World(NamedTuple):
    """Everything that is in force, before the lock and after."""

    whole: Catalog
    offered: Catalog
    policy: BoundPolicy


def listings(backends: int, tools: int) -> list[Listing]:
    return [made(number, tools) for number in range(backends)]


def made(number: int, tools: int, *, suffix: str = "") -> Listing:
    found = [
        Tool(f"tool_{at:03}", f"Tool {at} of backend {number}.{suffix}", dict(SCHEMA)) for at in range(tools)
    ]
    return Listing(f"b{number}", "stdio", f"b{number}", tuple(found))


def world(listed: Sequence[Listing], policy: Policy, lock: ToolsLock, before: World | None = None) -> World:
    whole = build_catalog(listed, before=before.whole if before else None)
    offered = withhold(whole, lock, ORIGINS, "first-use")
    return World(whole, offered, bind(policy, offered, before.policy if before else None))


def cost(work: Callable[[], object], rounds: int) -> float:
    found: list[float] = []
    for _ in range(rounds):
        began = time.process_time_ns()
        work()
        found.append((time.process_time_ns() - began) / 1e6)
    return median(found)


def dispatch_of(listed: Sequence[Listing], now: World) -> Dispatch:
    dispatch = Dispatch(TwinBackends(listed[-1]), TwinLedger(), TwinClock(), TwinIds())
    dispatch.replace(now.offered, now.policy)
    return dispatch


def call_cost(listed: Sequence[Listing], now: World, rounds: int) -> float:
    """Of one call without its transport: found, read, validated, decided, recorded in a list."""
    dispatch = dispatch_of(listed, now)
    call = ToolCall(now.offered.tools[-1].name, b'{"id":"ORD-1","limit":3,"tags":["a"]}')

    async def calls() -> None:
        for _ in range(CALLS):
            await dispatch.call_tool(CLERK, call, NO_CONTEXT)

    return cost(lambda: asyncio.run(calls()), rounds) / CALLS


def list_cost(listed: Sequence[Listing], now: World, rounds: int) -> tuple[float, float]:
    """All pages, for somebody who never listed, and again."""

    async def pages(dispatch: Dispatch) -> None:
        cursor: str | None = None
        while True:
            page = await dispatch.list_tools(CLERK, cursor)
            msgspec.json.encode(page.tools)
            if (cursor := page.next_cursor) is None:
                return

    first = cost(lambda: asyncio.run(pages(dispatch_of(listed, now))), rounds)
    dispatch = dispatch_of(listed, now)
    return first, cost(lambda: asyncio.run(pages(dispatch)), rounds)


def measure(rounds: int) -> list[Measured]:
    policy = parse_policy([PolicySource("bench.yaml", {"version": 1, "rules": RULES})])
    few, many = listings(4, 5), listings(100, 50)
    lock = pin_unpinned(build_catalog(many), ToolsLock(), ORIGINS)
    small, now = world(few, policy, lock), world(many, policy, lock)
    down, back, changed = list(many), list(many), list(many)
    down[7] = Listing("b7", "stdio", "b7", problem="connection refused")
    back[7], changed[7] = made(7, 50), made(7, 50, suffix=" Changed.")
    away = world(down, policy, lock, now)
    first, again = list_cost(many, now, rounds)
    return [
        Measured("the first catalog of 5,000 tools", cost(lambda: world(many, policy, lock), 3)),
        Measured("one of 100 backends goes", cost(lambda: world(down, policy, lock, now), rounds)),
        Measured("it comes back", cost(lambda: world(back, policy, lock, away), rounds)),
        Measured(
            "it comes back with 50 changed tools", cost(lambda: world(changed, policy, lock, away), rounds)
        ),
        Measured("listing 5,000 tools for a new caller", first),
        Measured("listing them again", again),
        Measured("a call at 20 tools", call_cost(few, small, rounds)),
        Measured("a call at 5,000 tools", call_cost(many, now, rounds)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.catalog", description="What a catalog costs.")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.rounds)
    if options.json:
        print(msgspec.json.encode([one._asdict() for one in found]).decode())
        return
    print("| | processor time, ms |\n|---|---|")
    for one in found:
        print(f"| {one.what} | {one.ms:.3f} |")


if __name__ == "__main__":
    main()
