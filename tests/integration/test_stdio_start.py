"""Desktop clients start a server and wait for it: what it does not need for that must not be loaded for it."""

import asyncio
import sys
from pathlib import Path

from toolward.client import connect

SERVER = '''
import sys

from toolward.kit import ToolServer
from toolward.kit.command import run

server = ToolServer("bare")


@server.tool
async def loaded() -> list[str]:
    """Say which packages are loaded."""
    return sorted({name.partition(".")[0] for name in sys.modules})


run(server)
'''
HEAVY = {
    "mcp",
    "mcp_types",
    "grpc",
    "google",
    "starlette",
    "uvicorn",
    "httpx",
    "httpx2",
    "sqlalchemy",
    "fastapi",
}


async def test_plain_requests_over_stdio_load_no_sdk(tmp_path: Path) -> None:
    path = tmp_path / "bare.py"
    path.write_text(SERVER, encoding="utf-8")
    async with connect([sys.executable, str(path)]) as client:
        assert len(await client.list_tools()) == 1
        async with asyncio.timeout(20):
            await anext(aiter(client.watch()))  # it is acknowledged: as a gateway listens to every server
        loaded = (await client.call("loaded")).structured
    assert "toolward" in loaded
    assert HEAVY.isdisjoint(loaded)
