"""The files server, killed (-9) at a certain point of one call, which has the key `k`:

python -m tests.servers.dying_files POINT ROOT STATE TOOL ARGUMENTS
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from toolservers.files.changes import committing
from toolservers.files.changes.journal import Journal
from toolservers.files.tools import Files, Settings, server
from toolward.types import NO_CONTEXT, Principal, ToolCall


def _die(*_arguments: Any, **_named: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _arm(point: str) -> None:
    match point:
        case "noted":  # the call's evidence, and no change yet
            Journal.prepare = _die
        case "prepared":  # the change, which is not made
            setattr(committing, "_rename", _die)  # noqa: B010 -- its own
        case "made":  # which the journal does not know
            Journal.finish = _die
        case _:  # and known, but the answer is not kept
            server.effects(_never_kept)


def _never_kept(files: Files) -> Any:
    from toolservers.files.tools import effects

    found = effects(files)
    setattr(found, "_keep", _die)  # noqa: B010 -- its own
    return found


async def main(point: str, folder: str, state: str, tool: str, arguments: str) -> None:
    _arm(point)
    call = ToolCall(tool, arguments.encode(), idempotency_key="k")
    async with server.running(Settings(Path(folder), state=state)):
        await server.call_tool(Principal("test"), call, NO_CONTEXT)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
