"""The same tool on the SDK's own `MCPServer`: `python sdk.py [PORT]`, stdio without a port.

Over HTTP in its fastest form: no sessions, answers as JSON, uvloop, no access log.
"""

import sys

import anyio
from mcp.server.mcpserver import MCPServer

server = MCPServer("adder", log_level="WARNING")


@server.tool()
async def add(a: int, b: int) -> dict[str, int]:
    """Add two integers."""
    return {"sum": a + b}


async def over_http(port: int) -> None:
    await server.run_streamable_http_async(port=port, json_response=True, stateless_http=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        anyio.run(over_http, int(sys.argv[1]), backend_options={"use_uvloop": True})
    else:
        server.run("stdio")
