"""`toolward up --workers 2`: one gateway in two processes, under a supervisor that owns its servers. Each is
stopped, killed, and leaves nothing."""

import json
import signal
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.e2e.command import Up, free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers need Linux")

IN_TIME = 60.0
GREETING: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {"elicitation": {}},
        "clientInfo": {"name": "a desktop", "version": "1"},
    },
}


def configuration(folder: Path, *, crm: bool = True) -> Path:
    """One server on stdio, and one on a socket; any free port for the doors."""
    python, port = json.dumps(sys.executable), free_port()
    path = folder / "two.yaml"
    text = f"""
version: 1
http: 127.0.0.1:0
grpc: 127.0.0.1:0
backends:
  calculator: {{command: [{python}, -m, toolservers.calculator]}}
"""
    if crm:
        text += f"""
  crm:
    url: http://127.0.0.1:{port}/mcp
    start: [{python}, -m, toolservers.crm, --http, "127.0.0.1:{port}"]
    env: {{TOOLWARD_CRM_DATABASE: {json.dumps(str(folder / "crm.db"))}}}
"""
    path.write_text(text)
    return path


class Asked:
    """A gateway over HTTP: one connection to each worker, by its process."""

    def __init__(self, up: Up, home: Path) -> None:
        self._url = up.where["http"]
        self._headers = {"authorization": f"Bearer {(home / 'secret').read_text()}"}

    @contextmanager
    def connections(
        self, count: int, *, but: frozenset[int] = frozenset()
    ) -> Generator[dict[int, httpx.Client]]:
        """Connections to `count` workers beside those of `but`; the kernel says where a new one leads."""
        found: dict[int, httpx.Client] = {}
        until = time.monotonic() + IN_TIME
        try:
            while len(found) < count:
                assert time.monotonic() < until
                client = httpx.Client(base_url=self._url, headers=self._headers, timeout=30)
                try:
                    process = status(client)["process"]
                except httpx.TransportError:  # it led to one that was just killed
                    process = 0
                if process in found or process in but or not process:
                    client.close()
                else:
                    found[process] = client
            yield found
        finally:
            for client in found.values():
                client.close()


def status(client: httpx.Client) -> Any:
    return client.get("/v1/status").json()


def calculated(client: httpx.Client) -> Any:
    answer = client.post("/v1/tools/calculator.calculate/calls", json={"expression": "6*7"}).json()
    return answer["structured_content"]["exact"]


def left(processes: list[psutil.Process], seconds: float = 15) -> list[psutil.Process]:
    alive = psutil.wait_procs(processes, timeout=seconds)[1]
    return [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def test_two_workers_are_one_gateway_and_survive_each_other(tmp_path: Path) -> None:
    home = tmp_path / "home"
    up = Up(home, configuration(tmp_path), "--workers", "2")
    processes = up.descendants()
    try:
        assert up.where["workers"] == 2
        at_work = [one for one in processes if "gateway.cli.worker" in one.cmdline()]
        assert [one.cmdline()[1:] for one in at_work] == [["-P", "-m", "gateway.cli.worker"]] * 2
        assert not any("TOOLWARD_TOKEN" in one.environ() for one in at_work)
        asked = Asked(up, home)
        with asked.connections(2) as workers:
            one, other = workers.values()
            assert one.get("/v1/tools").json() == other.get("/v1/tools").json()
            assert status(one) == status(other) | {"process": status(one)["process"]}
            seen = [(each["name"], each["transport"], each["tools"]) for each in status(one)["backends"]]
            assert seen == [("calculator", "stdio", 4), ("crm", "http", 12)]
            assert json.loads((tmp_path / "tools.lock").read_text())["backends"].keys() == {
                "calculator",
                "crm",
            }
            assert [calculated(one), calculated(other)] == ["42", "42"]

            arguments = {"payment_id": "PAY-5007", "amount_minor": 500, "reason": "The cup was broken"}
            refund = "/v1/tools/crm.refund_payment/calls"
            waits = one.post(refund, json=arguments)
            assert waits.status_code == 409, waits.text
            (request,) = other.get("/v1/input-requests").json()["input_requests"]
            said = other.post(f"/v1/input-requests/{request['id']}/answer", json={"approve": True})
            assert said.status_code == 200, said.text
            assert one.post(refund, json=arguments).json()["is_error"] is False
            assert other.post(refund, json=arguments).status_code == 409, "a yes is for one call"

            greeted = one.post(
                "/mcp", json=GREETING, headers={"accept": "application/json, text/event-stream"}
            )
            assert greeted.status_code == 200
            assert "mcp-session-id" not in greeted.headers, "its next request may come to the other"

            first, second = workers
            psutil.Process(first).kill()
            assert calculated(other) == "42"
            with asked.connections(1, but=frozenset(workers)) as back:
                assert [calculated(client) for client in back.values()] == ["42"]
        processes += up.descendants()
    finally:
        assert up.stop(signal.SIGKILL) == -signal.SIGKILL
    assert second in {one.pid for one in processes}
    assert left(processes) == []


def test_it_stops_in_order_at_sigterm(tmp_path: Path) -> None:
    home, config = tmp_path / "home", configuration(tmp_path, crm=False)
    up = Up(home, config, "--workers", "2")
    processes = up.descendants()
    begun = time.monotonic()
    assert up.stop(signal.SIGTERM) == 0
    assert time.monotonic() - begun < 30
    assert left(processes, 0) == []
