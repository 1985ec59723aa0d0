"""A tool that waits, and tells over UDP to 127.0.0.1:$TELL_PORT when it began and when it was cancelled."""

import asyncio
import os
import socket

from toolward.kit import ToolServer

server = ToolServer("telling")


def tell(what: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(what.encode(), ("127.0.0.1", int(os.environ["TELL_PORT"])))


@server.tool
async def wait() -> str:
    """Wait until somebody stops it."""
    tell("began")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        tell("cancelled")
        raise
    return "nobody came"


if __name__ == "__main__":
    from toolward.kit.command import run

    run(server)
