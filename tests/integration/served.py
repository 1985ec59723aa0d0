"""A process that serves the tools of `tests.servers.trusted` by the kit's command line, as operators start it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from gateway.bootstrap import Gateway

ENVELOPE: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
BOTH = "application/json, text/event-stream"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def there(gateway: Gateway, tool: str) -> None:
    """Returns when the gateway has the tool: on a busy machine its backend is retried first."""
    changes = gateway.dispatch.watch()
    async with asyncio.timeout(60):
        while gateway.dispatch.catalog.find(tool) is None:
            await anext(changes)


class Served:
    """Its addresses, and the process."""

    def __init__(self, process: subprocess.Popen[str], http: int, grpc: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{http}"
        self.grpc = f"127.0.0.1:{grpc}"
        self.line = ""

    def stop(self) -> None:
        """Ask it to stop, without waiting."""
        self.process.send_signal(signal.SIGTERM)


@contextmanager
def served(
    *flags: str, module: str = "tests.servers.trusted", **environment: str
) -> Generator[Served, None, None]:
    """Ready to be called at both doors; must end well, within its drain."""
    http, grpc = free_port(), free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOOLWARD_", "OTEL_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", module, "--http", f"127.0.0.1:{http}", "--grpc", f"127.0.0.1:{grpc}", *flags],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=kept | environment,
    )
    found = Served(process, http, grpc)
    try:
        assert process.stderr is not None
        found.line = process.stderr.readline()
        assert "MCP at" in found.line, found.line + process.stderr.read()
        yield found
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def call(name: str, /, **arguments: Any) -> dict[str, Any]:
    """A plain call of the handshake eras."""
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": name, "arguments": arguments},
    }
