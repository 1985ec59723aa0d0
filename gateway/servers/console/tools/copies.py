"""One call, written for the other ways in: the command line, curl, gRPC, MCP. Each can be pasted as it is."""

import json
import shlex
from typing import NamedTuple

from toolward.types import JsonObject

LONGEST = 20_000
"""Characters of arguments; longer ones are not given to a command either."""


class Copy(NamedTuple):
    name: str
    text: str


def copies(tool: str, alias: str, arguments: JsonObject, url: str) -> tuple[Copy, ...]:
    """`url` is the gateway's HTTP door; the token of whoever pastes it is in TOOLWARD_TOKEN. There are none
    where nobody would paste that much."""
    body = json.dumps(arguments, ensure_ascii=False)
    if len(body) > LONGEST:
        return ()
    bearer = '-H "Authorization: Bearer $TOOLWARD_TOKEN"'
    json_body = '-H "Content-Type: application/json"'
    asked = {"name": tool, "arguments_json": body}
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": alias, "arguments": arguments},
    }
    return (
        Copy("Command line", f"toolward tool call {shlex.quote(tool)} {shlex.quote(body)}"),
        Copy("curl", f"curl {bearer} {json_body} -d {shlex.quote(body)} {url}/v1/tools/{tool}/calls"),
        Copy(
            "gRPC",
            f"buf curl --protocol grpc --http2-prior-knowledge {bearer} "
            f"-d {shlex.quote(json.dumps(asked, ensure_ascii=False))} "
            "http://$TOOLWARD_GRPC/toolward.v1.ToolService/CallTool",
        ),
        Copy("MCP", json.dumps(message, ensure_ascii=False, indent=2)),
    )
