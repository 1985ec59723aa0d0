"""No module reaches the network but over `toolward.outbound`: this reads the code, and names each exception and its
reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("toolward", "gateway", "toolservers")
OUTBOUND = "toolward/outbound/"

CLIENTS = {
    "aiohttp",
    "ftplib",
    "http.client",
    "requests",
    "urllib.request",
    "urllib3",
    "websockets",
    "socks",
}
"""Whoever imports one of these can send a request that nobody has checked."""

LIBRARIES = {"httpx", "httpx2"}
"""They are for our own transports only: each place that makes an AsyncClient is named below."""

CONNECTING = {
    "AsyncClient",
    "AsyncHTTPTransport",
    "connect_tcp",
    "create_connection",
    "create_datagram_endpoint",
    "insecure_channel",
    "open_connection",
    "secure_channel",
    "sock_connect",
    "sse_client",
    "streamable_http_client",
}
"""Whoever calls one of these opens a connection, or makes what will."""

MAY = {
    ("toolward/client/mcp.py", "AsyncClient"): "the SDK's client, over Httpx2Transport",
    ("toolward/client/mcp.py", "streamable_http_client"): "is given that client, and has no other",
    (
        "toolward/client/grpc.py",
        "insecure_channel",
    ): "is given addresses that Reach has checked, or a literal one",
    ("toolward/client/grpc.py", "secure_channel"): "the same, by TLS",
    (
        "gateway/backends/opening.py",
        "open_connection",
    ): "asks whether a server that we start listens; sends nothing",
    ("gateway/cli/running.py", "create_connection"): "the same, of its HTTP door",
    ("gateway/cli/session.py", "create_connection"): "asks whether our own gateway listens; sends nothing",
    (
        "toolward/telemetry/tracing.py",
        "requests",
    ): "the span exporter's, to the operator's endpoint; no redirects",
}


def files() -> Iterator[Path]:
    for room in ROOMS:
        yield from (path for path in (ROOT / room).rglob("*.py") if "toolward/v1" not in path.as_posix())


def reaches(tree: ast.AST) -> Iterator[str]:
    """What in a module can open a connection."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names if _is_client(name.name))
                yield from (
                    f"{one.name} as {one.asname}" for one in names if one.asname and one.name in LIBRARIES
                )
            case ast.ImportFrom(module=str(module), names=names):
                found = {module, *(f"{module}.{name.name}" for name in names)}
                yield from (name for name in found if _is_client(name))
                if module in LIBRARIES:
                    yield from (f"{module}.{one.name}" for one in names if _sends(one.name))
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in CONNECTING:
                yield name
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in LIBRARIES and _sends(name):
                yield f"{module}.{name}"
            case _:
                pass


def _sends(name: str) -> bool:
    """Whether it is one of the library's own ways out: `get`, `stream`, `Client`; types and errors are not."""
    return name[0].islower() or name in {"Client", "HTTPTransport"}


def _is_client(module: str) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in CLIENTS)


def found() -> set[tuple[str, str]]:
    return {
        (where, name)
        for path in files()
        if not (where := path.relative_to(ROOT).as_posix()).startswith(OUTBOUND)
        for name in reaches(ast.parse(path.read_text(encoding="utf-8")))
    }


def test_nobody_reaches_the_network_by_another_road() -> None:
    assert found() - MAY.keys() == set(), "go over toolward.outbound, or say here why not"


def test_no_exception_is_kept_longer_than_it_is_needed() -> None:
    assert MAY.keys() - found() == set()


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import urllib.request", "urllib.request"),
        ("from urllib import request", "urllib.request"),
        ("from requests.adapters import HTTPAdapter", "requests.adapters"),
        ("import asyncio\nasync def f():\n    await asyncio.open_connection('h', 1)", "open_connection"),
        ("import httpx\nhttpx.get('http://h')", "httpx.get"),
        ("import httpx2\nhttpx2.get('http://h')", "httpx2.get"),
        ("import httpx\nhttpx.Client()", "httpx.Client"),
        ("from httpx import get\nget('http://h')", "httpx.get"),
        ("import httpx as h\nh.get('http://h')", "httpx as h"),
        ("from httpx2 import AsyncClient\nAsyncClient()", "AsyncClient"),
    ],
)
def test_the_reader_finds_what_it_must(code: str, name: str) -> None:
    assert name in set(reaches(ast.parse(code)))
