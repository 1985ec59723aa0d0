"""A server on the kit whose one tool writes down when a call of it begins and ends."""

import asyncio
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from toolward.kit import Context, ToolServer


@dataclass(frozen=True)
class Settings:
    journal: Annotated[Path, "file that calls are written down in"] = Path("journal")


server = ToolServer("counting", settings=Settings)


@server.lifespan
async def opened(settings: Settings) -> AsyncGenerator[int, None]:
    descriptor = os.open(settings.journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    yield descriptor
    os.close(descriptor)


@server.tool
async def work(ctx: Context[int], name: str) -> str:
    """Work for a moment."""
    os.write(ctx.state, f"begin {name}\n".encode())
    await asyncio.sleep(0.03)
    os.write(ctx.state, f"end {name}\n".encode())
    return name


if __name__ == "__main__":
    from toolward.kit.command import run

    run(server)
