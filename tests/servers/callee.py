"""What a client needs at the far end to be tested: something to add, to wait for, to fail at, and to count."""

import asyncio
from collections import Counter

from toolward.errors import Overloaded, Unavailable
from toolward.kit import Context, ToolServer

server = ToolServer("callee")
seen: Counter[str] = Counter()


@server.tool
async def add(a: int, b: int) -> dict[str, int]:
    """Add two integers."""
    return {"sum": a + b}


@server.tool
async def wait(ctx: Context[None], what: str) -> str:
    """Wait until somebody stops it, and count that under `what`."""
    seen[f"began {what}"] += 1
    ctx.progress(1)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        seen[what] += 1
        raise
    return "nobody came"


@server.tool
async def count_to(ctx: Context[None], steps: int) -> str:
    """Report progress step by step."""
    for step in range(steps):
        ctx.progress(step + 1, steps)
        await asyncio.sleep(0)
    return "counted"


@server.tool
async def fail_twice(what: str) -> str:
    """Fail at the first two calls with `what`."""
    seen[what] += 1
    if seen[what] <= 2:
        raise Unavailable("The shelf cannot be reached.")
    return f"at the {seen[what]}rd"


@server.tool
async def be_busy_once(what: str) -> str:
    """Be overloaded at the first call with `what`."""
    seen[what] += 1
    if seen[what] == 1:
        raise Overloaded("Too many at once.", retry_after=0.01)
    return f"at the {seen[what]}nd"


@server.tool
async def how_often(what: str) -> int:
    """How often `what` was counted."""
    return seen[what]


if __name__ == "__main__":
    from toolward.kit.command import run

    run(server)
