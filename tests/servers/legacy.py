"""An MCP server of another's making: it speaks 2025-06-18 only, pages its list, and says when that changes.
Written over bare lines, so that nothing of ours or of the SDK's is on this side."""

import json
import os
import sys
from typing import Any

TOOLS: list[Any] = [
    {"name": "first", "inputSchema": {"type": "object", "properties": {"default": {"default": None}}}},
    {"name": "second", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}},
]


RESOURCES: list[Any] = [{"uri": "legacy://a", "name": "a"}]
OFFERS = os.environ.get(
    "OFFERS", ""
)  # nothing, `fine`, or `broken`: it says that it has resources, and fails to list


class Refused(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def answer(method: str, params: Any) -> Any:
    if method == "initialize":
        return {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {"listChanged": True}} | ({"resources": {}} if OFFERS else {}),
            "serverInfo": {"name": "legacy", "version": "1"},
        }
    if method == "tools/list":
        at = int(params.get("cursor") or 0)
        rest = {"nextCursor": str(at + 1)} if at + 1 < len(TOOLS) else {}
        return {"tools": TOOLS[at : at + 1], **rest}
    if method == "resources/list" and OFFERS:
        if OFFERS == "broken":
            raise Refused(-32603, "the database is gone")
        return {"resources": RESOURCES}
    if method == "resources/read" and OFFERS:
        if params["uri"] not in [one["uri"] for one in RESOURCES]:
            raise Refused(-32002, "Resource not found")
        return {"contents": [{"uri": params["uri"], "text": json.dumps(params.get("_meta", {}))}]}
    if method == "tools/call":
        return call(params["name"], params.get("arguments", {}))
    raise Refused(-32601, "Method not found")


def call(name: str, arguments: Any) -> Any:
    if name == "grow":
        TOOLS.append({"name": "third", "inputSchema": {"type": "object"}})
        send({"method": "notifications/tools/list_changed"})
    if name == "offer":
        RESOURCES.append({"uri": "legacy://b", "name": "b"})
        send({"method": "notifications/resources/list_changed"})
    if name == "refuse":
        raise Refused(-32602, "Invalid arguments: b is missing")
    if name == "break":
        raise Refused(-32603, "the database is gone")
    if name == "odd":
        return {"content": [{"type": "hologram"}]}
    if name == "leave":
        sys.exit(0)
    if name not in ("first", "grow", "offer"):
        raise Refused(-32602, f"Unknown tool: {name}")
    exact = {"big": 10**30 + 1, "given": arguments}
    return {"content": [{"type": "text", "text": "done"}], "structuredContent": exact}


def send(message: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def main() -> None:
    print("legacy server, at your service", flush=True)  # as many servers do, against the protocol
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message:
            continue
        try:
            send({"id": message["id"], "result": answer(message["method"], message.get("params", {}))})
        except Refused as refused:
            send({"id": message["id"], "error": {"code": refused.code, "message": str(refused)}})


if __name__ == "__main__":
    main()
