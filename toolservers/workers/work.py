"""What the processes of a pool do, how much each call may cost, and what is said where it would cost more."""

from dataclasses import dataclass

import msgspec

from toolward.errors import ToolError, Unavailable


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The process gets them when it starts."""

    call_seconds: float
    """Until a process that is at a call is killed."""
    max_memory: int
    """Bytes of addresses of a process."""
    max_message: int
    """Bytes of a call's arguments as JSON, and of its result."""
    max_error: int = 10_000
    """Characters of what is said about a failure."""
    at_once: int
    """Calls that are worked on at the same time."""
    workers: int
    """Processes: one more than `at_once`, so that nobody waits for the place of one that was killed, or as many."""
    max_waiting: int = 64
    """Calls that wait for their turn."""
    start_seconds: float = 30.0
    """Until a process must be ready."""
    idle_seconds: float | None = None
    """Without a call, after which a process ends, and starts again with the next call; None where the first starts
    soon after the server and all stay."""


@dataclass(frozen=True)
class Work:
    name: str
    """As the log calls it."""
    table: str
    """The module whose OPERATIONS the processes have."""
    limits: Limits
    less: str
    """A sentence: what to do where a call took too long, or too much memory."""
    install: str
    """A sentence: what to do where a package is missing."""


class Crashed(Unavailable):
    """The process ended in the middle of a call, by itself."""

    def __init__(self, how: str) -> None:
        super().__init__(
            f"The process that works on it ended in the middle of this call ({how}); another takes its place.",
            hint="Ask once more; if it happens again, ask in another way.",
        )


class TookTooLong(ToolError):
    """A call was stopped at its limit of time."""

    def __init__(self, seconds: float, less: str) -> None:
        super().__init__(
            f"This took longer than {seconds:g} s, which is the limit of time for one call, and was stopped. {less}"
        )


class TookTooMuchMemory(ToolError):
    """A call was stopped at its limit of memory."""

    def __init__(self, most: int, less: str) -> None:
        super().__init__(
            f"This needed more than {most // 1024**2} MB of memory, which is the limit, and was stopped. {less}"
        )
