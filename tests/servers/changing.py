"""A server whose tools change, wait, log and are cancelled; with a resource and a prompt."""

import asyncio
import os
from typing import Any

from toolward.kit import Context, ToolServer


class Events:
    """What a test waits for. Made anew for each, because they belong to an event loop."""

    def __init__(self) -> None:
        self.began, self.ended = asyncio.Event(), asyncio.Event()


def changing() -> tuple[ToolServer[Any], Events]:
    server: ToolServer[Any] = ToolServer("changing")
    events = Events()

    @server.tool
    async def grow() -> str:
        """Offer one more tool."""

        async def grown() -> str:
            """Was not here before."""
            return "here"

        server.tool(grown)
        return "grown"

    @server.tool
    async def wait() -> str:
        """Wait until cancelled."""
        events.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            events.ended.set()
        return ""

    @server.tool
    async def wait_for(path: str) -> str:
        """Wait until there is such a file."""
        while not os.path.exists(path):  # noqa: ASYNC110, ASYNC240 -- another process makes it
            await asyncio.sleep(0.01)
        return "it is there"

    @server.tool
    async def talk(ctx: Context[None], value: Any = None) -> dict[str, Any]:
        """Log at two levels, tell progress, and give back what came."""
        ctx.log("debug", "small", at=1)
        ctx.log("warning", "large", at=2)
        ctx.progress(1, 1)
        return {"value": value, "process": os.getpid()}

    @server.resource("test://{id}")
    async def thing(id: str) -> str:  # noqa: A002 -- the variable's name
        """A thing."""
        return f"thing {id}"

    @server.prompt
    async def hello(name: str) -> str:
        """Say hello."""
        return f"Hello {name}"

    return server, events


if __name__ == "__main__":
    from toolward.kit.command import run

    async def made() -> ToolServer[Any]:
        return changing()[0]

    run(asyncio.run(made()))
