"""Operations for the calculator's workers that do what none of theirs may: nothing but a test names this module."""

import ctypes
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from toolservers.workers.messages import Operation
from toolward.errors import ToolError


@dataclass(frozen=True)
class Told:
    text: str


def echo(text: str) -> Told:
    return Told(text)


def refuse(text: str) -> Told:
    raise ToolError(text)


def fail(text: str) -> Told:
    raise ValueError(text)


def hang(path: str) -> Told:
    """Deaf to everything, once it has said by the file at `path` that it is at it."""
    Path(path).write_text(str(os.getpid()))
    threading.Event().wait()
    return Told("never")


def grow(by: str) -> Told:
    """Until memory ends: Python's own, or that of a C library, which then aborts."""
    if by == "python":
        return Told(str(len("x" * 10**10)))
    held: list[bytes] = []
    while ctypes.CDLL(None).malloc(1 << 20):
        held.append(b"")
    os.write(2, b"GNU MP: Cannot allocate memory (size=1048576)\n")
    os.abort()


def die(status: int) -> Told:
    os._exit(status)


def process() -> Told:
    return Told(str(os.getpid()))


def environment() -> Told:
    return Told("\n".join(sorted(os.environ)))


def long(size: int) -> Told:
    return Told("x" * size)


_HERE = "tests.servers.straining"
OPERATIONS = {
    "echo": Operation(f"{_HERE}:echo", {"text": ""}),
    "refuse": Operation(f"{_HERE}:refuse", {"text": ""}),
    "fail": Operation(f"{_HERE}:fail", {"text": ""}),
    "hang": Operation(f"{_HERE}:hang", {}),
    "grow": Operation(f"{_HERE}:grow", {}),
    "die": Operation(f"{_HERE}:die", {}),
    "process": Operation(f"{_HERE}:process", {}),
    "environment": Operation(f"{_HERE}:environment", {}),
    "long": Operation(f"{_HERE}:long", {"size": 1}),
    "missing": Operation("no_such_package_here:nothing", {}),
}
