"""An MCP server over Streamable HTTP with so many tools, all of which look an order up: `python toolserver.py 500`.

It knows what every client here asks of a server without sessions, and nothing more.
"""

import json
import sys
from typing import Any

from benchmarks.loop.plain_http import serve

_VERSION = "2025-06-18"


def tool(number: int) -> dict[str, Any]:
    properties = {
        "order": {"type": "string", "description": "The number of the order, such as ORD-1003."},
        "customer": {"type": "string", "description": "The number of the customer who placed it."},
        "fields": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Which fields; all if left out.",
        },
        "limit": {"type": "integer", "minimum": 1, "maximum": 100, "description": "How many lines at most."},
    }
    return {
        "name": f"look_{number}",
        "description": f"Look an order up in archive {number}: its state, its carrier, its lines and its history.",
        "inputSchema": {"type": "object", "properties": properties, "required": ["order"]},
        "annotations": {"readOnlyHint": True, "idempotentHint": True},
    }


class Server:
    def __init__(self, tools: int) -> None:
        self._tools = json.dumps({"tools": [tool(number) for number in range(tools)]})

    def answer(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        if not head.startswith(b"POST"):
            return 405, b""
        asked = json.loads(body)
        if "id" not in asked:
            return 202, b""
        result = self._result(asked["method"], asked.get("params") or {})
        said = f'"result":{result}' if result else '"error":{"code":-32601,"message":"no such method"}'
        return 200, f'{{"jsonrpc":"2.0","id":{json.dumps(asked["id"])},{said}}}'.encode()

    def _result(self, method: str, params: dict[str, Any]) -> str:
        match method:
            case "initialize":
                info = {"name": "desk", "version": "1"}
                return json.dumps(
                    {"protocolVersion": _VERSION, "capabilities": {"tools": {}}, "serverInfo": info}
                )
            case "ping":
                return "{}"
            case "tools/list":
                return self._tools
            case "tools/call":
                return _looked_up(params["arguments"]["order"])
            case _:
                return ""


def _looked_up(order: str) -> str:
    lines = [{"item": f"{name} of {order}", "count": 2} for name in ("kettle", "lamp", "grinder")]
    text = json.dumps({"order": order, "state": "shipped", "carrier": "Nordpost", "lines": lines})
    return json.dumps({"content": [{"type": "text", "text": text}], "isError": False})


if __name__ == "__main__":
    serve(Server(int(sys.argv[1])).answer)
