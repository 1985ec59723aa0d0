"""A process that is killed while it records: `python -m tests.integration.killed_intents LEDGER NAME`.

It makes runs, each with an approved call, and prints a line before each intent.
"""

import asyncio
import sys
from itertools import count
from pathlib import Path

import msgspec

from gateway.core.ports import CallRecord, RequestSpec, RunAppend, RunRecord, StoredEvent
from gateway.ledger.ledger import Ledger
from toolward.types import InputRequest, RequestKind, RequestState, Run, RunState


async def main(path: Path, name: str) -> None:
    async with Ledger.open(path) as ledger:
        for number in count():
            run = Run(f"run_{name}_{number}", "support", "ada", RunState.RUNNING, "Hi")
            await ledger.create(RunRecord(run, "default", ()), [StoredEvent("run_started", 1, b"{}")])
            asked = InputRequest(
                f"req_{run.id}", RequestKind.APPROVAL, RequestState.OPEN, "May ada?", run_id=run.id
            )
            await ledger.open_request(RequestSpec(asked, "ada", "default", "crm.save", "d1"))
            approved = msgspec.structs.replace(asked, state=RequestState.APPROVED)
            await ledger.close_request(asked.id, approved, "lea")
            call = f"call_{run.id}"
            record = CallRecord(call, 1, "ada", "default", "crm.save", "ask", "r", "v", True, run_id=run.id)
            event = StoredEvent("tool_called", 1, b'{"call":"%s"}' % call.encode())
            print(call, flush=True)
            await ledger.intend(record, b"{}", approval=asked.id, joining=RunAppend(run.id, 1, (event,), run))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
