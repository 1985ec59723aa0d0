"""Backends that speak MCP. Importing this loads the SDK."""

from gateway.backends.children import Child
from gateway.core.spec import HttpSpec, StdioSpec
from toolward.client.mcp import McpClient
from toolward.client.pipes import Pipes
from toolward.outbound.credentials import Credentials
from toolward.outbound.reach import Reach


def over_stdio(spec: StdioSpec, child: Child, connect: float) -> McpClient:
    """`connect` is in seconds."""
    return McpClient(Pipes(child.stdout, child.stdin), name=spec.name, connect=connect)


def over_http(
    spec: HttpSpec, token: str, connect: float, credentials: Credentials | None = None
) -> McpClient:
    """`token` is that of this start, or the configured one; `credentials` stand in its place."""
    return McpClient(
        spec.url,
        name=spec.name,
        token=token,
        headers=spec.headers,
        credentials=credentials,
        reach=Reach(spec.networks),
        connect=connect,
    )
