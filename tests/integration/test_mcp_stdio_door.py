"""The stdio door of a real process, asked in raw lines."""

import json
import subprocess
import sys
from collections.abc import Generator
from typing import Any

import pytest

ENVELOPE: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


class Process:
    def __init__(self, module: str = "tests.servers.fixture") -> None:
        command = [sys.executable, "-m", module]
        self.child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def send(self, method: str, params: dict[str, Any] | None = None, id_: Any = None) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params or {}}
        self.send_raw(json.dumps(message | ({} if id_ is None else {"id": id_})).encode())

    def send_raw(self, line: bytes) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(line + b"\n")
        self.child.stdin.flush()

    def read(self) -> Any:
        assert self.child.stdout is not None
        return json.loads(self.child.stdout.readline())

    def ask(self, method: str, params: dict[str, Any] | None = None) -> Any:
        self.send(method, params, 7)
        return self.read()

    def close(self) -> tuple[int, bytes]:
        _, said = self.child.communicate(timeout=20)
        return self.child.returncode, said


@pytest.fixture
def process() -> Generator[Process, None, None]:
    one = Process()
    yield one
    if one.child.poll() is None:
        one.child.kill()
        one.child.communicate()


def test_the_handshake_and_a_call(process: Process) -> None:
    hello = process.ask("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {}})
    assert hello["result"]["protocolVersion"] == "2025-06-18"
    assert hello["result"]["serverInfo"] == {"name": "fixture", "version": "1.2.3"}
    process.send("notifications/initialized")
    called = process.ask("tools/call", {"name": "add", "arguments": {"a": 2, "b": 3}})
    assert called["result"]["structuredContent"] == {"sum": 5}


def test_a_modern_client_needs_no_handshake(process: Process) -> None:
    found = process.ask("server/discover", {"_meta": ENVELOPE})
    assert found["result"]["supportedVersions"] == ["2026-07-28"]
    listed = process.ask("tools/list", {"_meta": ENVELOPE})
    assert listed["result"]["resultType"] == "complete"


def test_what_a_tool_prints_does_not_reach_the_protocol(process: Process) -> None:
    answer = process.ask("tools/call", {"name": "chatter"})
    assert answer["result"]["content"][0]["text"] == "said"
    code, said = process.close()
    assert code == 0
    assert b"forged" in said


def test_progress_comes_before_the_result(process: Process) -> None:
    meta = {"progressToken": 5}
    process.send("tools/call", {"name": "count", "arguments": {"steps": 2}, "_meta": meta}, 7)
    reports = [process.read(), process.read()]
    assert [one["params"]["progress"] for one in reports] == [1, 2]
    assert reports[0]["params"]["progressToken"] == 5
    assert process.read()["result"]["structuredContent"] == {"steps": 2}


def test_the_sdk_takes_over_what_is_not_plain_and_plain_calls_go_on(process: Process) -> None:
    process.ask(
        "initialize",
        {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}},
    )
    process.send("notifications/initialized")
    refused = process.ask("prompts/list")
    assert refused["error"]["code"] == -32601
    assert process.ask("tools/call", {"name": "add", "arguments": {"a": 1}})["result"]["isError"] is False


def test_lines_that_are_no_messages_are_answered_and_survived(process: Process) -> None:
    process.send_raw(b"{nope")
    assert process.read()["error"]["code"] == -32700
    process.send_raw(b"[" * 20_000)
    assert process.read()["error"]["code"] == -32602
    assert process.ask("ping")["result"] == {}


def test_a_cancelled_call_is_not_answered(process: Process) -> None:
    process.send("tools/call", {"name": "sleep"}, "slow")
    process.send("notifications/cancelled", {"requestId": "slow"})
    assert process.ask("ping")["id"] == 7


def test_calls_in_work_are_answered_when_the_client_closes_stdin(process: Process) -> None:
    process.send("tools/call", {"name": "add", "arguments": {"a": 1}}, 1)
    assert process.child.stdin is not None
    out, _ = process.child.communicate(timeout=20)
    assert json.loads(out)["result"]["structuredContent"] == {"sum": 1}
    assert process.child.returncode == 0


def test_sigterm_ends_it_with_zero(process: Process) -> None:
    process.ask("ping")
    process.child.terminate()
    assert process.close()[0] == 0


def test_messages_from_a_file_are_answered_too(tmp_path: Any) -> None:
    path = tmp_path / "in"
    path.write_text('{"jsonrpc":"2.0","id":1,"method":"ping"}\n', encoding="utf-8")
    with path.open() as source:
        done = subprocess.run(
            [sys.executable, "-m", "tests.servers.fixture"],
            stdin=source,
            capture_output=True,
            timeout=20,
            check=True,
        )
    assert json.loads(done.stdout)["result"] == {}
