"""Write a tool server: each tool is one typed async function.

    from toolward.kit import ToolServer

    server = ToolServer("greeter")

    @server.tool
    async def greet(name: str) -> str:
        "Greet somebody by name."
        return f"Hello, {name}!"

`toolserver greeter` (or `toolward.kit.command.run(server)`) serves it over MCP stdio, MCP HTTP and gRPC.
"""

from toolward.errors import ToolError
from toolward.kit.context import Context
from toolward.kit.effects import Effect, Effects, Evidence, NotDone, Transaction
from toolward.kit.reply import Reply
from toolward.kit.server import ToolServer

__all__ = [
    "Context",
    "Effect",
    "Effects",
    "Evidence",
    "NotDone",
    "Reply",
    "ToolError",
    "ToolServer",
    "Transaction",
]
