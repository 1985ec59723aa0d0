"""The standard streams of a process that speaks a protocol over them."""

import asyncio
import os
import stat
import sys

MAX_LINE = 64 * 1024 * 1024  # above our own bound on arguments, so that its error answers


def claim() -> tuple[int, int]:
    """Private copies of stdin and stdout. The numbers 0 and 1 then lead to /dev/null and stderr, so that a
    stray `print` in a tool cannot break the protocol."""
    source, output = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 -- they live as long as the process
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 -- likewise
    return source, output


async def open_streams(source: int, output: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter | None]:
    """Streams over the descriptors. What cannot be waited for (a file, /dev/null) need not be."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=MAX_LINE)
    if _can_be_waited_for(source):
        file = os.fdopen(source, "rb", buffering=0)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
    else:
        with os.fdopen(source, "rb") as file:
            reader.feed_data(file.read())
        reader.feed_eof()
    if not _can_be_waited_for(output):
        return reader, None
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(loop=loop), os.fdopen(output, "wb", buffering=0)
    )
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def _can_be_waited_for(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)
