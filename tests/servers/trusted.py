"""A server on the kit that tells who calls, and can be made to take its time."""

import asyncio
import logging
from typing import Any

from toolward.kit import Context, ToolServer

server: ToolServer[Any] = ToolServer("trusted")


@server.tool
async def whoami(ctx: Context[None]) -> dict[str, Any]:
    """Who the call is for."""
    return {"id": ctx.principal.id, "roles": list(ctx.principal.roles), "tenant": ctx.principal.tenant}


@server.tool
async def approvers(ctx: Context[None]) -> list[str]:
    """Who approved the call."""
    return list(ctx.approved_by)


@server.tool
async def wait(seconds: float) -> str:
    """Take that long."""
    await asyncio.sleep(seconds)
    return "waited"


@server.tool
async def complain() -> str:
    """Write to the log."""
    logging.getLogger("trusted").error("something %s", "odd", extra={"order": "ORD-1"})
    return "written"


if __name__ == "__main__":
    from toolward.kit.command import run

    run(server)
