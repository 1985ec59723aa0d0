"""A gateway that is killed in the middle of a call: `python -m tests.integration.killed_run LEDGER TOOL`.

It prints the run's id and the call's key once the tool has been reached, and then never gets an answer.
"""

import asyncio
import sys
from pathlib import Path

from tests.integration.run_house import ADA, House, calls
from toolward.types import CallContext, ToolCall, ToolResult


async def main(path: str, tool: str) -> None:
    house = House(Path(path))
    house.script(calls((tool, "A")))
    run_id = ""

    async def reached(call: ToolCall, _context: CallContext) -> ToolResult:
        print(run_id, call.idempotency_key, flush=True)
        return await asyncio.Future()

    house.backends.answers[f"crm.{tool}"] = reached
    async with house.open() as runs:
        run_id = (await runs.start_run(ADA, "support", "Do it.")).id
        await asyncio.Future()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
