"""Whoever proves nothing gets nothing done at the REST door: no byte of what they send is read."""

import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from gateway.servers.rest import rest_app
from tests.integration.run_house import ADA, House
from tests.integration.scripted_tools import Tools
from toolward.auth import bearer
from toolward.types import ServerInfo

JSON = {"content-type": "application/json"}
ADAS = {"authorization": "Bearer adas"}


@pytest.fixture
async def app(tmp_path: Path) -> AsyncGenerator[FastAPI]:
    async with House(tmp_path / "ledger.db").open() as runs:
        yield rest_app(ServerInfo("test", "1"), Tools(), runs, bearer({"adas": ADA}), lambda _: {})


async def answered(app: FastAPI, method: str, path: str, token: str = "") -> tuple[int, int]:
    """The status for whoever sends a body, and how often it was asked for."""
    asked = 0
    status = 0

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b'{"agent":[]}', "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    headers = [(b"host", b"x"), (b"content-type", b"application/json")]
    if token:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    scope = {
        "type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": b"", "root_path": "", "scheme": "http", "headers": headers, "client": ("127.0.0.1", 1),
        "server": ("x", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    return status, asked


@pytest.mark.parametrize("token", ["", "no"])
async def test_every_route_asks_who_calls_before_it_reads_anything(app: FastAPI, token: str) -> None:
    operations = [
        (method.upper(), re.sub(r"{\w+}", "1", path))
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    ]
    assert ("POST", "/v1/runs") in operations
    assert ("POST", "/v1/chat/completions") in operations
    for method, path in operations:
        assert await answered(app, method, path, token) == (401, 0), f"{method} {path}"


async def test_who_proves_who_they_are_is_read(app: FastAPI) -> None:
    assert await answered(app, "POST", "/v1/runs", "adas") == (422, 1)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/runs", 413),
        ("/v1/chat/completions", 400),  # OpenAI's, for what is too long
        ("/v1/tools/add/calls", 413),
        ("/v1/input-requests/x/answer", 413),
    ],
)
async def test_more_than_can_be_read_at_once_is_too_large(app: FastAPI, path: str, status: int) -> None:
    transport = httpx.ASGITransport(app)
    body = b'{"agent":[%b]}' % b",".join([b"[]"] * 30_000)
    async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=JSON | ADAS) as client:
        answer = await client.post(path, content=body)
    assert answer.status_code == status, answer.text
    assert "cannot be read at once" in answer.text
