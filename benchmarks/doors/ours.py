"""One trivial tool at our doors: `python ours.py [--http HOST:PORT] [--grpc HOST:PORT]`, stdio otherwise."""

from toolward.kit import ToolServer
from toolward.kit.command import run

server = ToolServer("adder")


@server.tool
async def add(a: int, b: int) -> dict[str, int]:
    """Add two integers."""
    return {"sum": a + b}


if __name__ == "__main__":
    run(server)
