"""The files server, killed (-9) at a certain point of one call, which has the key `k`:

python -m tests.servers.dying_files POINT ROOT KEYS ARGUMENTS
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from toolservers.files import atomic, root
from toolservers.files.tools import Settings, server
from toolward.types import NO_CONTEXT, Principal, ToolCall


def _die(*_arguments: Any, **_named: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _arm(point: str) -> None:
    if point == "staged":  # whole, but not noted
        root.replace_file = _noting_nothing
    elif point == "noted":
        for name in ("rename", "link"):
            setattr(atomic.os, name, _die)
        setattr(atomic, "_rename_to_new", _die)  # noqa: B010 -- its own
    elif point == "linked":  # where renaming to a new name is not to be had
        setattr(atomic, "_libc", object())  # noqa: B010 -- its own
        atomic.os.unlink = _die
    elif point == "in place":
        server.effects(_never_kept)


def _noting_nothing(*arguments: Any, **named: Any) -> None:
    atomic.replace_file(*arguments, **{**named, "on_staged": _die})


def _never_kept(place: Any) -> Any:
    from toolservers.files.tools import effects

    found = effects(place)
    setattr(found, "_keep", _die)  # noqa: B010 -- its own
    return found


async def main(point: str, folder: str, keys: str, arguments: str) -> None:
    _arm(point)
    call = ToolCall("write_file", arguments.encode(), idempotency_key="k")
    async with server.running(Settings(Path(folder), keys)):
        await server.call_tool(Principal("test"), call, NO_CONTEXT)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
