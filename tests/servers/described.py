"""A server whose tools are what a file says when it starts: `{"tool": "its description"}`."""

import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from toolward.kit import ToolServer
from toolward.kit.command import run


def made(described: dict[str, str]) -> ToolServer[Any]:
    server: ToolServer[Any] = ToolServer("described")
    for name, description in described.items():
        server.tool(_tool(name, description))
    return server


def _tool(name: str, description: str) -> Callable[[], Awaitable[str]]:
    async def tool() -> str:
        return f"{name} was called"

    tool.__name__, tool.__doc__ = name, description
    return tool


if __name__ == "__main__":
    run(made(json.loads(Path(sys.argv.pop(1)).read_text())))
