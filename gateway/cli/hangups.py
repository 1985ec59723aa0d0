"""SIGHUP: the configuration is read again, as services expect, or our terminal is gone."""

import asyncio
import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager


class Hangups:
    """`reload` is what one asks for. Until it is set there is nothing to do: a gateway that still starts reads
    everything anyway."""

    def __init__(self) -> None:
        self.reload: Callable[[], None] = lambda: None


@contextmanager
def heeding_hangups(lost: Callable[[], None] | None = None) -> Generator[Hangups]:
    """While this is open no hangup ends the process by itself: around all that starts, works and drains. Where one
    says that our terminal is gone, `lost` is called instead, or without it, the process ends as ever."""
    loop, had_terminal, hangups = asyncio.get_running_loop(), os.isatty(0), Hangups()

    def hung_up() -> None:
        if not had_terminal or os.isatty(0):
            hangups.reload()
        elif lost is not None:
            lost()
        else:
            os.kill(os.getpid(), signal.SIGTERM)

    try:
        loop.add_signal_handler(signal.SIGHUP, hung_up)
    except (NotImplementedError, RuntimeError, ValueError, AttributeError):  # Windows, or not the main thread
        yield hangups
        return
    try:
        yield hangups
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
