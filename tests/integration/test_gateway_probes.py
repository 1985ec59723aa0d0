"""The gateway's probes, and whom it shows its metrics."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from gateway.bootstrap import open_doors, open_gateway, secret_file
from gateway.config.builtin import builtin_settings
from gateway.config.principals import LOCAL
from gateway.config.settings import PrincipalSettings
from tests.integration.served import BOTH, call
from toolward.doors.serve import Address


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncGenerator[tuple[httpx.AsyncClient, str], None]:
    """A gateway without backends; a client of it, and the local person's secret."""
    settings = replace(
        builtin_settings(tmp_path),
        backends=(),
        principals=(LOCAL, PrincipalSettings(id="bo", roles=("support",), token="of-bo")),
        http=Address("127.0.0.1", 0),
        grpc=Address("127.0.0.1", 0),
    )
    async with (
        open_gateway(settings, tmp_path / "home", environment={}) as opened,
        open_doors(opened) as doors,
        httpx.AsyncClient(base_url=f"http://{doors.http}") as client,
    ):
        yield client, secret_file(opened.home).read_text()


async def test_probes_answer_anybody_and_metrics_the_operator(gateway: tuple[httpx.AsyncClient, str]) -> None:
    client, secret = gateway

    async def status(path: str, token: str = "", **headers: Any) -> int:
        sent = headers | ({"authorization": f"Bearer {token}"} if token else {})
        return (await client.get(path, headers=sent)).status_code

    for path in ("/healthz", "/readyz"):
        assert await status(path, host="10.0.0.7") == 200
    assert await status("/metrics") == 401
    assert await status("/metrics", "of-bo") == 403
    assert await status("/metrics", secret, host="evil.example") == 403
    headers = {"authorization": f"Bearer {secret}", "accept": BOTH}
    await client.post("/mcp", json=call("no.such_tool"), headers=headers)
    metrics = await client.get("/metrics", headers=headers)
    assert 'toolward_calls_total{door="http",tool="(other)",outcome="unknown_tool"} 1' in metrics.text
    assert "no.such_tool" not in metrics.text


async def test_runs_are_in_the_metrics_of_the_gateway(gateway: tuple[httpx.AsyncClient, str]) -> None:
    client, secret = gateway
    headers = {"authorization": f"Bearer {secret}"}
    started = await client.post("/v1/runs", json={"agent": "support", "input": "Hello."}, headers=headers)
    watched = await client.get(f"{started.headers['location']}/events", headers=headers)
    assert "event: run_completed" in watched.text
    lines = (await client.get("/metrics", headers=headers)).text.splitlines()
    assert 'toolward_run_ends_total{agent="support",state="completed",code="ok"} 1' in lines
    assert any(line.startswith("toolward_model_tokens_total{") for line in lines)
