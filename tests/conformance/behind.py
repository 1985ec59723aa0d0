"""A gateway in front of the fixture, for the same suites: what reaches its MCP door is as a client sends it, but
for two things that stand between them here. The suites prove nobody, so a token is added; and they call tools and
prompts by the fixture's own names, so the backend's name is put before each, as every client of a gateway would.
"""

import asyncio
import json
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from gateway.bootstrap import open_gateway, secret_file
from gateway.bootstrap.identity import authentication
from gateway.config.parse import read_settings
from toolward.doors.address import allowed_names, parse_address
from toolward.doors.entrance import Entrance
from toolward.doors.mcp_http import McpHttpDoor
from toolward.doors.serve import http_server
from toolward.doors.terms import Terms

ROOT = Path(__file__).parents[2]
BACKEND = "fixture"
NAMED = (b"tools/call", b"prompts/get")
CONFIG = f"""
version: 1
backends:
  {BACKEND}: {{command: ["{sys.executable}", "-m", tests.conformance.fixture], env: {{PYTHONPATH: "{ROOT}"}}}}
policies: [policy.yaml]
"""
POLICY = """
version: 1
rules:
  - {id: tools, tools: ["*"], effect: allow}
  - {id: offers, operations: [resource.read, prompt.get], effect: allow}
"""


class Named:
    """The door as these suites see it."""

    def __init__(self, door: McpHttpDoor, token: str) -> None:
        self._door = door
        self._proof = (b"authorization", f"Bearer {token}".encode())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        body = _qualified(body)
        headers = [
            (name, _prefixed(value) if name == b"mcp-name" and _is_named(scope) else value)
            for name, value in scope["headers"]
            if name != b"content-length"
        ]
        scope = {
            **scope,
            "headers": [*headers, self._proof, (b"content-length", str(len(body)).encode())],
        }
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def replayed() -> Any:
            return waiting.pop() if waiting else await receive()

        await self._door(scope, replayed, send)


def _is_named(scope: Any) -> bool:
    return any(name == b"mcp-method" and value in NAMED for name, value in scope["headers"])


def _prefixed(name: bytes) -> bytes:
    return BACKEND.encode() + b"." + name


def _qualified(body: bytes) -> bytes:
    try:
        message = json.loads(body)
        if message["method"].encode() in NAMED:
            message["params"]["name"] = f"{BACKEND}.{message['params']['name']}"
            return json.dumps(message).encode()
    except (ValueError, KeyError, TypeError, AttributeError):
        pass  # no request with a name: as it is
    return body


async def main() -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "toolward.yaml").write_text(CONFIG)
        (folder / "policy.yaml").write_text(POLICY)
        settings = read_settings(folder / "toolward.yaml")
        gateway = await stack.enter_async_context(open_gateway(settings, folder / "home", environment={}))
        address = parse_address("127.0.0.1:0")
        terms = Terms(Entrance())
        door = McpHttpDoor(
            terms.entrance.to(gateway.dispatch, "http"),
            gateway.info,
            authentication(gateway),
            allowed_names(address),
            terms,
        )
        named = Named(door, secret_file(folder / "home").read_text())
        port = await stack.enter_async_context(http_server(named, address))
        stack.push_async_callback(door.aclose)
        changes = gateway.dispatch.watch()
        while not gateway.dispatch.catalog.surface.prompts:
            await anext(changes)
        print(f"http://127.0.0.1:{port}/mcp", file=sys.stderr, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
