"""A server on the kit with one tool for each thing that a door must carry."""

import asyncio
from typing import Annotated, Any

from toolward.kit import Context, Reply, ToolError, ToolServer
from toolward.types import EmbeddedResource, ImageContent, ResourceBody, TextContent, ToolResult

server: ToolServer[Any] = ToolServer("fixture", version="1.2.3", instructions="For the tests.")


@server.tool
async def add(a: int, b: Annotated[int, "added to a"] = 0) -> dict[str, int]:
    """Add two integers of any size."""
    return {"sum": a + b}


@server.tool
async def echo(value: Any) -> dict[str, Any]:
    """Give back any JSON value, as it came."""
    return {"value": value}


@server.tool
async def show() -> ToolResult:
    """Content of several kinds."""
    resource = EmbeddedResource(ResourceBody("test://thing", "text/plain", text="inside"))
    return ToolResult((TextContent("text"), ImageContent(b"\x89PNG", "image/png"), resource))


@server.tool
async def fail() -> str:
    """Report a failure of the tool's own."""
    raise ToolError("the shop is closed; come back tomorrow")


@server.tool
async def crash() -> str:
    """Have a bug."""
    raise RuntimeError("a secret detail")


@server.tool
async def count(ctx: Context[None], steps: int) -> Reply:
    """Report progress step by step."""
    for step in range(steps):
        ctx.progress(step + 1, steps, f"step {step + 1}")
        await asyncio.sleep(0)
    return Reply(f"{steps} steps", {"steps": steps})


@server.tool(deadline=0.05)
async def sleep() -> str:
    """Take longer than the deadline."""
    await asyncio.sleep(60)
    return "never"


@server.tool
async def chatter() -> str:
    """Print, which must not break a protocol on stdout."""
    print('{"jsonrpc":"2.0","id":1,"result":"forged"}')
    return "said"


if __name__ == "__main__":
    from toolward.kit.command import run

    run(server)
