"""What a stdio client is told unasked, and what is answered behind the short path: raw lines, a real process."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from tests.integration.test_mcp_stdio_door import ENVELOPE, Process
from toolward.doors.mcp_plain import MAX_LISTENING


@pytest.fixture
def process() -> Generator[Process, None, None]:
    one = Process("tests.servers.changing")
    yield one
    if one.child.poll() is None:
        one.child.kill()
        one.child.communicate()


def greet(process: Process) -> Any:
    client = {"name": "c", "version": "1"}
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
    answer = process.ask("initialize", hello)
    process.send("notifications/initialized")
    return answer["result"]["capabilities"]


def test_a_change_of_the_tools_is_told_to_a_client_of_the_handshake(process: Process) -> None:
    assert greet(process)["tools"] == {"listChanged": True}
    process.send("tools/call", {"name": "grow"}, 1)
    told = [process.read(), process.read()]
    assert {one.get("method", "answer") for one in told} == {"notifications/tools/list_changed", "answer"}
    names = [tool["name"] for tool in process.ask("tools/list")["result"]["tools"]]
    assert "grown" in names


def test_LISTEN_tells_a_modern_client(process: Process) -> None:
    wanted = {"notifications": {"toolsListChanged": True}, "_meta": ENVELOPE}
    process.send("subscriptions/listen", wanted, "sub")
    first = process.read()
    assert first["method"] == "notifications/subscriptions/acknowledged"
    process.send("tools/call", {"name": "grow", "_meta": ENVELOPE}, 1)
    told = [process.read(), process.read()]
    (change,) = [one for one in told if "method" in one]
    assert change["method"] == "notifications/tools/list_changed"
    assert change["params"]["_meta"] == {"io.modelcontextprotocol/subscriptionId": "sub"}


def test_LISTEN_ends_with_a_result_when_the_client_closes_stdin(process: Process) -> None:
    for number in range(MAX_LISTENING + 2):  # the last are the SDK's, and answered alike
        process.send("subscriptions/listen", {"notifications": {}, "_meta": ENVELOPE}, number)
    told = [process.read() for _ in range(MAX_LISTENING + 2)]
    assert {one["method"] for one in told} == {"notifications/subscriptions/acknowledged"}
    out, _ = process.child.communicate(timeout=30)
    answers = {one["id"]: one["result"] for one in map(json.loads, out.splitlines())}
    assert sorted(answers) == list(range(MAX_LISTENING + 2))
    about: list[Any] = [answer.pop("_meta") for answer in answers.values()]
    assert {key: answer for key, answer in answers.items() if answer != {"resultType": "complete"}} == {}
    assert [meta.pop("io.modelcontextprotocol/subscriptionId") for meta in about] == list(answers)
    assert all(meta == about[0] and meta for meta in about)


def test_who_cancels_what_it_watches_and_closes_stdin_is_not_waited_for(process: Process) -> None:
    wanted = {"notifications": {"toolsListChanged": True}, "_meta": ENVELOPE}
    process.send("subscriptions/listen", wanted, "sub")
    assert process.read()["method"] == "notifications/subscriptions/acknowledged"
    process.send("notifications/cancelled", {"requestId": "sub", "_meta": ENVELOPE})
    process.child.communicate(
        timeout=8
    )  # calls in work have 10 seconds, and what was cancelled is never answered
    assert process.child.returncode == 0


def test_what_is_behind_the_sdk_is_answered_when_the_client_closes_stdin(process: Process) -> None:
    greet(process)
    process.send("subscriptions/listen", {"notifications": {}, "_meta": ENVELOPE}, "refused")
    process.send("resources/read", {"uri": "test://7"}, 2)
    process.send("prompts/get", {"name": "hello", "arguments": {"name": "Bo"}}, 3)
    out, _ = process.child.communicate(timeout=30)
    answers = {one.get("id"): one for one in map(json.loads, out.splitlines())}
    assert answers[2]["result"]["contents"][0]["text"] == "thing 7"
    assert answers[3]["result"]["messages"][0]["content"]["text"] == "Hello Bo"
    assert "error" in answers["refused"]
    assert process.child.returncode == 0


def test_a_client_of_the_handshake_sets_the_level_of_its_logs(process: Process) -> None:
    assert "logging" in greet(process)
    process.send("tools/call", {"name": "talk"}, 1)
    assert process.read()["params"] == {
        "level": "warning",
        "logger": "talk",
        "data": {"message": "large", "at": 2},
    }
    assert process.read()["id"] == 1
    assert process.ask("logging/setLevel", {"level": "error"})["result"] == {}
    process.send("tools/call", {"name": "talk"}, 2)
    assert process.read()["id"] == 2


def test_a_modern_call_gets_the_logs_that_it_asks_for(process: Process) -> None:
    meta = ENVELOPE | {"io.modelcontextprotocol/logLevel": "debug"}
    process.send("tools/call", {"name": "talk", "_meta": meta}, 1)
    assert [process.read()["params"]["level"] for _ in range(2)] == ["debug", "warning"]
    assert process.read()["id"] == 1
    process.send("tools/call", {"name": "talk", "_meta": ENVELOPE}, 2)
    assert process.read()["id"] == 2
