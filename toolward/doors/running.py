"""A process that serves: its event loop, and its memory once it is open."""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any

_YOUNG = 10_000
"""Objects that are made before the collector looks at the youngest: a call makes about a hundred that live as long
as it does, and none that refer to each other."""


def run_loop(work: Coroutine[Any, Any, None]) -> None:
    """On uvloop where there is one: it is not made for Windows."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


def settled() -> None:
    """Say that what the process is made of is there now: it is not looked at again for garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
