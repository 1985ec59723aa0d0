"""What HTTP itself asks of the REST door, and that its OpenAPI document is one."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from schemathesis.specs.openapi.definitions import (
    OPENAPI_31_VALIDATOR,  # pyright: ignore[reportUnknownVariableType] -- made when first asked for
)

from gateway.servers.rest import rest_app
from gateway.servers.surface import Surface
from tests.integration.run_house import ADA, House, ended, says
from tests.integration.scripted_tools import Tools
from toolward.auth import bearer
from toolward.types import RunState, ServerInfo

JSON = {"content-type": "application/json"}
PROBLEMS: list[tuple[str, str, dict[str, Any], int]] = [
    ("GET", "/nothing", {}, 404),
    ("GET", "/v1/runs/", {}, 404),
    ("PUT", "/v1/runs", {}, 405),
    ("GET", "/v1/chat/completions", {}, 405),
    ("POST", "/v1/runs", {"content": b"{}", "headers": {"content-type": "text/plain"}}, 415),
    ("POST", "/v1/tools/x/calls", {"content": b"{}", "headers": {"content-type": "text/plain"}}, 415),
    ("POST", "/v1/runs", {"content": b"{}", "headers": JSON | {"content-encoding": "gzip"}}, 415),
    ("POST", "/v1/tools/x/calls", {"content": b"{}", "headers": {"content-encoding": "br"}}, 415),
    ("POST", "/v1/runs", {"content": b"x" * 2_000, "headers": JSON}, 413),
    ("POST", "/v1/runs", {"content": b"{", "headers": JSON}, 422),
    ("POST", "/v1/runs", {"content": b'{"agent":"\xff"}', "headers": JSON}, 400),
    ("POST", "/v1/runs", {"content": b"[" * 900, "headers": JSON}, 422),
    ("GET", "/v1/runs?size=0", {}, 422),
    ("GET", "/v1/runs?cursor=z", {}, 400),
    ("GET", "/v1/runs/run_1/requests/99999999999999999999", {}, 422),
    ("GET", "/v1/runs/run_9", {"headers": {"authorization": "Bearer no"}}, 401),
]  # fmt: skip

TOOLS = Tools()


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncGenerator[httpx.AsyncClient]:
    house = House(tmp_path / "ledger.db")
    house.script(says("Hello."))
    async with house.open() as runs:
        await ended(runs, await runs.start_run(ADA, "support", "Hello."))
        app = rest_app(
            ServerInfo("test", "1"), TOOLS, runs, bearer({"adas": ADA}), lambda _: {}, max_body=1_000
        )
        transport = httpx.ASGITransport(app)
        token = {"authorization": "Bearer adas"}
        async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=token) as client:
            yield client


@pytest.mark.parametrize(("method", "path", "given", "status"), PROBLEMS)
async def test_what_is_wrong_with_a_request_is_a_problem_with_its_status(
    rest: httpx.AsyncClient, method: str, path: str, given: dict[str, Any], status: int
) -> None:
    answer = await rest.request(method, path, **given)
    assert answer.status_code == status
    if path != "/v1/chat/completions" or status == 405:
        assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["type"]) == (status, f"urn:toolward:error:{problem['code']}")
    assert ("allow" in answer.headers) == (status == 405)
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_of_a_body_that_goes_beyond_its_bound_nothing_is_done(
    rest: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[Any] = []

    async def call_tool(*given: Any) -> Any:
        called.append(given)

    monkeypatch.setattr(TOOLS, "call_tool", call_tool)

    async def much() -> AsyncGenerator[bytes]:
        yield b'{"agent":"support","input":"x"}'  # which would be enough
        for _ in range(9):
            yield b" " * 200

    for path in ("/v1/runs", "/v1/tools/x/calls", "/v1/chat/completions"):
        answer = await rest.post(path, content=much(), headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert called == []
    assert len((await rest.get("/v1/runs")).json()["runs"]) == 1


@pytest.mark.parametrize("path", ["/v1/tools/x/calls", "/v1/chat/completions", "/v1/runs"])
async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_bug(
    rest: httpx.AsyncClient, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        pass

    headers = [
        (b"authorization", b"Bearer adas"),
        (b"content-type", b"application/json"),
        (b"content-length", b"9"),
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": headers,
        "query_string": b"",
        "root_path": "",
    }
    await cast(Any, rest)._transport.app({**scope, "scheme": "http", "server": ("x", 1)}, receive, send)
    assert caplog.records == []


async def test_where_there_is_get_there_is_head_and_options_says_so(rest: httpx.AsyncClient) -> None:
    for path in ("/v1/runs", "/v1/agents", "/v1/models/support"):
        head, whole = await rest.head(path), await rest.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == whole.headers["content-length"]
    assert (await rest.head("/v1/runs/run_9")).status_code == 404
    assert (await rest.options("/v1/runs")).headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert (await rest.options("/v1/chat/completions")).headers["allow"] == "OPTIONS, POST"


async def test_head_of_a_stream_does_not_wait_for_its_end() -> None:
    sent: list[dict[str, Any]] = []
    ended = asyncio.Event()

    async def stream(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"data: 1", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"
        ended.set()

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect" if len(sent) > 1 else "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    await Surface(stream, 10)({"type": "http", "method": "HEAD", "headers": []}, receive, send)
    assert ended.is_set()
    assert [message.get("body") for message in sent] == [None, b""]


async def test_the_document_is_openapi_and_whole(rest: httpx.AsyncClient) -> None:
    document = (await rest.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1.")
    found = [error.message for error in OPENAPI_31_VALIDATOR.iter_errors(document)]
    assert found == []
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert named <= set(document["components"]["schemas"])
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert "default" in operation["responses"], (method, path)


async def test_a_run_that_has_ended_can_be_read_from_any_place_in_its_log(rest: httpx.AsyncClient) -> None:
    (run,) = (await rest.get("/v1/runs")).json()["runs"]
    assert run["state"] == RunState.COMPLETED
    events = f"/v1/runs/{run['id']}/events"
    for told, seqs in (({}, [1, 2, 3, 4]), ({"last-event-id": "3"}, [4]), ({"last-event-id": "9"}, [])):
        answer = await rest.get(events, headers=told)
        assert [int(seq) for seq in re.findall(r"^id: (\d+)$", answer.text, re.MULTILINE)] == seqs
    for wrong in ("x", "-1", "9" * 30):
        assert (await rest.get(events, headers={"last-event-id": wrong})).status_code == 422
