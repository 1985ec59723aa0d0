"""The gateway that is fuzzed, from outside, and what must hold of it whatever it is sent."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import psutil

ROOT = Path(__file__).parents[2]

PATIENCE = 10.0
"""Seconds in which every input must have its answer, on a busy machine: what takes longer hangs."""

GROWTH = 120 << 20
"""Bytes by which its memory may grow; what an input leaves behind would add up to more."""


class Finding(AssertionError):
    """The gateway did what it must not: what, and by which input."""

    def __init__(self, what: str, given: object) -> None:
        shown = repr(given)
        super().__init__(f"{what}\n  by {shown if len(shown) < 2_000 else shown[:2_000] + ' …'}")


@dataclass
class House:
    """`progress` hears of every input."""

    process: subprocess.Popen[str]
    log: Path
    http: int
    grpc: int
    token: str
    progress: Callable[[], None] = lambda: None
    baseline: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def held(self) -> dict[str, Any]:
        """What it holds now: tasks, watched runs, connections, bytes of memory."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        told: dict[str, Any] = json.loads(self.process.stdout.readline())
        process = psutil.Process(self.process.pid)
        ours = {self.http, self.grpc}
        told["connections"] = sum(
            one.status == psutil.CONN_ESTABLISHED and one.laddr.port in ours
            for one in process.net_connections()
        )
        return told | {"rss": process.memory_info().rss}

    def check(self) -> None:
        """Raises Finding where it is not as it was: it is there, tells of no bug, and let go of everything."""
        if self.process.poll() is not None:
            raise Finding(f"it ended with {self.process.returncode}", self.log.read_text()[-4_000:])
        if bugs := self.bugs():
            raise Finding("its log tells of a bug", bugs)
        until = time.monotonic() + PATIENCE
        names = ("tasks", "watched", "connections")
        while more := {
            name: (self.baseline[name], now[name])
            for now in [self.held()]
            for name in names
            if now[name] > self.baseline[name]
        }:
            if time.monotonic() > until:
                raise Finding(f"it did not let go: {more}", (self.baseline["which"], self.held()["which"]))
            time.sleep(0.1)
        if (grown := self.held()["rss"] - self.baseline["rss"]) > GROWTH:
            raise Finding("its memory grew", f"{grown >> 20} MiB")

    def bugs(self) -> str:
        """What its log has of a bug, if anything."""
        said = self.log.read_text()
        at = said.find("Traceback")
        return said[max(at - 500, 0) : at + 3_000] if at >= 0 else ""


def _warm(house: House) -> None:
    """What is loaded, or begun, with the first request of its kind is there before anything is counted."""
    greeting = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "x", "version": "1"},
    }
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": greeting}
    headers = house.headers | {"accept": "application/json, text/event-stream"}
    with httpx.Client(base_url=f"http://127.0.0.1:{house.http}", headers=headers, timeout=60) as client:
        client.post("/mcp", json=hello).raise_for_status()
        while not client.get("/v1/tools").json()["tools"]:
            time.sleep(0.05)
        told = {"name": "fixture.count", "arguments": {"steps": 2}, "_meta": {"progressToken": 1}}
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": told}
        streamed = client.post("/mcp", json=call)  # by the SDK, which is loaded for it
        assert "notifications/progress" in streamed.text
        run = {"agent": "support", "input": "Hello."}
        started = client.post("/v1/runs", json=run)
        client.get(f"{started.headers['location']}/events").raise_for_status()
        client.get("/openapi.json").raise_for_status()
    with grpc.insecure_channel(f"127.0.0.1:{house.grpc}") as channel:
        grpc.channel_ready_future(channel).result(60)


@contextmanager
def opened() -> Generator[House]:
    """A gateway that is ready; it must still be well at the end."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("w") as told:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.served", folder],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told, text=True,
            )  # fmt: skip
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log.read_text()
            house = House(process, log, **json.loads(line))
            _warm(house)
            house.baseline = house.held()
            yield house
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(20)
            finally:
                process.kill()
                process.wait()
                assert process.stdout is not None
                process.stdout.close()
