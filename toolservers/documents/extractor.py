"""Documents read safely: what may take any time or memory, in a process that can be killed."""

import asyncio
import os
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from toolservers.documents import apart, opening
from toolservers.documents.extracted import Extracted
from toolservers.documents.unreadable import Unreadable
from toolservers.workers.pool import Pool
from toolservers.workers.work import Crashed, TookTooLong, TookTooMuchMemory, Work
from toolward.errors import Internal, ToolError

IN_PROCESS = 1_000_000
"""Bytes up to which a format that needs no process apart is read without one."""


class Extractor:
    """Reads documents, several at once. Its processes start when they are needed and end when they are not."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def open(cls, *, at_once: int = 1, work: Work | None = None) -> AsyncGenerator["Extractor"]:
        """`at_once`: how many documents are read at the same time; the rest waits. `work` is for other limits."""
        async with Pool(work or apart.work(at_once)).running() as pool:
            yield cls(pool)

    async def extract(self, source: Path | bytes, name: str) -> Extracted:
        """`name` is the file's, by which its format is told where its bytes do not tell it. A path is opened as it
        is: no link at its end is followed.

        Raises Unreadable for all that is the document's fault; Unavailable where a package is missing or no process
        can be started, and Overloaded.
        """
        data = source if isinstance(source, bytes) else await asyncio.to_thread(_read, source)
        form = opening.format_of(data[: opening.HEAD], name)
        if len(data) <= IN_PROCESS and not form.apart:
            return await asyncio.to_thread(opening.extract, data, name)
        opening.require_size(len(data))
        try:
            outcome = await self._pool.call(
                "extract", {"name": name}, apart.Outcome, data, apart.seconds(form.name, len(data))
            )
        except TookTooLong as error:
            raise Unreadable("too_slow", str(error)) from None
        except TookTooMuchMemory as error:
            raise Unreadable("too_dense", str(error)) from None
        except ToolError as error:  # its text is longer than can be handed over
            raise Unreadable("too_large", f"{error} Split the document.") from None
        except (Crashed, Internal):
            raise Unreadable(
                "damaged",
                "The reader of this format failed over it, as it may over damaged files; save it once more.",
            ) from None
        return outcome.result()


def _read(path: Path) -> bytes:
    """Raises Unreadable."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise Unreadable("gone", "It is not there any more.") from None
    except OSError as error:
        raise Unreadable("denied", f"It cannot be opened ({error.strerror}).") from None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise Unreadable("denied", "It is no ordinary file.")
        opening.require_size(facts.st_size)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(opening.LARGEST + 1)  # it may grow meanwhile; who reads it refuses it then
    except OSError as error:
        raise Unreadable("denied", f"It cannot be read ({error.strerror}).") from None
    finally:
        os.close(descriptor)
