"""What the processes do that read documents: the table of their operations, and their limits."""

from typing import cast, get_args

import msgspec

from toolservers.documents import opening
from toolservers.documents.extracted import Extracted
from toolservers.documents.unreadable import Unreadable, Why
from toolservers.workers.messages import Operation
from toolservers.workers.work import Limits, Work


class Outcome(msgspec.Struct, frozen=True):
    """Of one document: what is in it, or why that is not known."""

    extracted: Extracted | None = None
    why: str = ""
    message: str = ""

    def result(self) -> Extracted:
        """Raises Unreadable."""
        if self.extracted is not None:
            return self.extracted
        raise Unreadable(cast(Why, self.why if self.why in get_args(Why) else "damaged"), self.message)


def extract(data: bytes, name: str) -> Outcome:
    try:
        return Outcome(opening.extract(data, name))
    except Unreadable as error:
        return Outcome(why=error.why, message=str(error))


def seconds(format_name: str, size: int) -> float:
    """How long a document of so many bytes may take."""
    return SECONDS if format_name == "pdf" else min(SECONDS, _SECONDS + _SECONDS_A_MB * size / 1e6)


OPERATIONS = {"extract": Operation(f"{__name__}:extract")}

SECONDS = 300.0
"""Until the process that reads a document is killed. The reader of PDFs, which may take long over sound ones, stops
before and says what it left out."""

_SECONDS, _SECONDS_A_MB = 60.0, 5.0  # of all other formats

MEMORY = 1024**3
"""Bytes of addresses of a process that reads documents; it takes about 100 MB with all readers loaded."""

_MESSAGE = 100 * 1024**2
_IDLE = 60.0


def work(at_once: int) -> Work:
    """`at_once` documents at the same time, in as many processes."""
    return Work(
        name="the document reader",
        table=__name__,
        limits=Limits(
            call_seconds=SECONDS,
            max_memory=MEMORY,
            max_message=_MESSAGE,
            at_once=at_once,
            workers=at_once,
            idle_seconds=_IDLE,
        ),
        less="Split the document, or save it in a simpler form, such as plain text.",
        install="Install it: pip install 'toolward[documents]'.",
    )
