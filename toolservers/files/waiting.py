"""Blocking work on behalf of a call, which stops soon after nobody waits for it any more."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from anyio import CancelScope

ResultT = TypeVar("ResultT")


async def in_worker(work: Callable[[Callable[[], bool]], ResultT]) -> ResultT:
    """`work` runs in a thread and gets a function that says whether it was cancelled. The thread has ended when
    this does, since what it works on, descriptors among them, may be closed then."""
    cancelled = threading.Event()
    running = asyncio.ensure_future(asyncio.to_thread(work, cancelled.is_set))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        cancelled.set()
        with CancelScope(shield=True):
            await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # seen, so that nobody complains that it never was
        raise
