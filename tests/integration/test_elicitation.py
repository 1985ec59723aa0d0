"""The person before an MCP client is asked, by the SDK's own client: over stdio and HTTP, in both eras, before a
whole gateway whose policy lets the caller approve some calls and not others."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import mcp
import mcp_types
import pytest
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from gateway.bootstrap import Gateway, local_person, open_doors, open_gateway, secret_file
from gateway.config.parse import read_settings
from tests.contract.drivers import FIXTURE
from tests.integration.served import there
from toolward.types import Answer, RequestState
from toolward.wire.errors import META_KEY

ERAS = ["legacy", "2026-07-28"]
WAYS = [f"{transport} {era}" for transport in ("http", "stdio", "stdio behind a gateway") for era in ERAS]

CONFIG = """
version: 1
http: 127.0.0.1:HTTP
grpc: 127.0.0.1:GRPC
backends:
  fixture: {command: [COMMAND], env: {PYTHONPATH: ROOT}}
policies: [policy.yaml]
"""
POLICY = """
version: 1
rules:
  - {id: sums, principals: ["role:operator"], tools: [fixture.add], effect: ask, approvers: [self]}
  - {id: echoes, principals: ["role:operator"], tools: [fixture.echo], effect: ask, approvers: ["role:lead"]}
  - {id: inbox, operations: [request.read, request.answer], effect: allow}
"""


def write_config(folder: Path, http: int = 0, grpc: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    root = str(Path(__file__).parents[2])
    command = ", ".join(f'"{word}"' for word in FIXTURE)
    (folder / "policy.yaml").write_text(POLICY)
    path = folder / "toolward.yaml"
    text = CONFIG.replace("COMMAND", command).replace("ROOT", f'"{root}"')
    path.write_text(text.replace("HTTP", str(http)).replace("GRPC", str(grpc)))
    return path


class Place:
    """A running gateway, and clients of it by every way."""

    def __init__(self, folder: Path, gateway: Gateway, http: str, grpc: int) -> None:
        self.folder, self.gateway, self.http, self.grpc = folder, gateway, http, grpc

    @asynccontextmanager
    async def client(self, way: str, answering: Any) -> AsyncGenerator[mcp.Client, None]:
        transport, _, era = way.rpartition(" ")
        async with AsyncExitStack() as stack:
            mode: Any = era
            if transport == "http":
                token = secret_file(self.gateway.home).read_text().strip()
                headers = {"authorization": f"Bearer {token}"}
                plain = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=30))
                server: Any = streamable_http_client(f"{self.http}/mcp", http_client=plain)
            else:
                server = self._stdio(behind=transport != "stdio")
            client = mcp.Client(server, mode=mode, elicitation_callback=answering)
            opened = await stack.enter_async_context(client)
            async with asyncio.timeout(60):  # its backend may still be starting
                while not (await opened.list_tools()).tools:  # noqa: ASYNC110 -- another process's event
                    await asyncio.sleep(0.1)
            yield opened

    def _stdio(self, *, behind: bool) -> StdioServerParameters:
        """`toolward mcp`: a gateway of its own, or one that hands everything to the running gateway."""
        home = self.gateway.home if behind else self.folder / "home of stdio"
        config = write_config(self.folder / f"stdio {behind}", grpc=self.grpc if behind else 0)
        return StdioServerParameters(
            command=str(Path(sys.executable).parent / "toolward"),
            args=["mcp", "--config", str(config)],
            env=dict(os.environ) | {"TOOLWARD_HOME": str(home)},
        )


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Place, None]:
    folder = tmp_path_factory.mktemp("elicitation")
    async with AsyncExitStack() as stack:
        settings = read_settings(write_config(folder))
        gateway = await stack.enter_async_context(open_gateway(settings, folder / "home", environment={}))
        await there(gateway, "fixture.add")
        at = await stack.enter_async_context(open_doors(gateway))
        assert at.grpc is not None
        yield Place(folder, gateway, f"http://{at.http}", at.grpc.port)


class Person:
    """Answers every form as they are minded, and keeps what they were shown."""

    def __init__(self, action: Any, **content: Any) -> None:
        self.shown: list[mcp_types.ElicitRequestFormParams] = []
        self.minded(action, **content)

    def minded(self, action: Any, **content: Any) -> None:
        self._says = mcp_types.ElicitResult(action=action, content=content or None)
        self.shown.clear()

    async def __call__(self, context: Any, params: Any) -> mcp_types.ElicitResult:
        assert isinstance(params, mcp_types.ElicitRequestFormParams)
        self.shown.append(params)
        return self._says


def code_of(result: mcp_types.CallToolResult) -> str:
    assert result.is_error
    return (result.meta or {})[META_KEY]["code"]


@pytest.mark.parametrize("way", WAYS)
async def test_the_person_is_asked_and_what_they_say_is_done(place: Place, way: str) -> None:
    """One story for each way, since a process of its own is slow to start."""
    person = Person("accept", approve=True)
    number = WAYS.index(way) + 2
    async with place.client(way, person) as client:
        # A yes lets one call through, and each call needs its own.
        arguments = {"a": 1, "b": number}
        for _ in range(2):
            made = await client.call_tool("fixture.add", arguments)
            assert not made.is_error, made
        assert len(person.shown) == 2
        assert person.shown[0].message.startswith("May ")
        assert f"b: {number}" in person.shown[0].message.splitlines()
        assert person.shown[0].requested_schema["required"] == ["approve"]

        # A no is told with its reason, and nobody is asked about the same call at once again.
        person.minded("accept", approve=False, reason="Not on Sundays")
        for _ in range(2):
            result = await client.call_tool("fixture.add", {"a": 2, "b": number})
            assert code_of(result) == "denied"
            (piece,) = result.content
            assert isinstance(piece, mcp_types.TextContent)
            assert "Not on Sundays" in piece.text
        assert len(person.shown) == 1

        # Who puts it off leaves it in the inbox; who declines denies it.
        person.minded("cancel")
        result = await client.call_tool("fixture.add", {"a": 3, "b": number})
        assert code_of(result) == "approval_required"
        assert (result.meta or {})[META_KEY]["request_id"].startswith("req_")
        assert len(person.shown) == 1
        person.minded("decline")
        assert code_of(await client.call_tool("fixture.add", {"a": 3, "b": number})) == "denied"

        # What policy does not let the caller approve, the caller's client is not asked about.
        person.minded("accept", approve=True)
        assert code_of(await client.call_tool("fixture.echo", {"value": way})) == "approval_required"
        assert person.shown == []


@pytest.mark.parametrize("way", ["http legacy", "http 2026-07-28", "stdio behind a gateway legacy"])
async def test_a_client_that_cannot_ask_hears_what_waits(place: Place, way: str) -> None:
    arguments = {"a": 4, "b": WAYS.index(way) + 2}
    async with place.client(way, None) as client:
        assert code_of(await client.call_tool("fixture.add", arguments)) == "approval_required"


async def test_a_client_that_waits_does_not_hold_the_others_up(place: Place) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(context: Any, params: Any) -> mcp_types.ElicitResult:
        asked.set()
        await go.wait()
        return mcp_types.ElicitResult(action="accept", content={"approve": True})

    async with place.client("http legacy", slow) as client:
        waiting = asyncio.create_task(client.call_tool("fixture.add", {"a": 5, "b": 1}))
        await asked.wait()
        async with place.client("http legacy", Person("accept", approve=True)) as other:
            assert not (await other.call_tool("fixture.add", {"a": 5, "b": 2})).is_error
        go.set()
        assert not (await waiting).is_error


# --- the state ------------------------------------------------------------------------------------------


async def test_a_state_is_good_for_its_call_and_once(place: Place) -> None:
    """By hand, as a client that means ill would do it."""
    yes = mcp_types.ElicitResult(action="accept", content={"approve": True})

    async def retry(client: mcp.Client, arguments: dict[str, Any], key: str, state: str | None) -> Any:
        return await client.session.call_tool(
            "fixture.add",
            arguments,
            input_responses={key: yes},
            request_state=state,
            allow_input_required=True,
        )

    async with place.client("http 2026-07-28", Person("cancel")) as client:
        first = await client.session.call_tool("fixture.add", {"a": 6, "b": 1}, allow_input_required=True)
        other = await client.session.call_tool("fixture.add", {"a": 6, "b": 2}, allow_input_required=True)
        assert isinstance(first, mcp_types.InputRequiredResult)
        assert isinstance(other, mcp_types.InputRequiredResult)
        (key,), (key_of_other,) = first.input_requests or {}, other.input_requests or {}
        tampered = f"{'0' if (first.request_state or '')[0] != '0' else '1'}{(first.request_state or '')[1:]}"
        for arguments, request, state in [
            ({"a": 6, "b": 1}, key, other.request_state),
            ({"a": 6, "b": 1}, key, tampered),
            ({"a": 6, "b": 1}, key, ""),
            ({"a": 6, "b": 1}, key, None),
            ({"a": 6, "b": 1}, key_of_other, first.request_state),
            ({"a": 6, "b": 1}, key_of_other, other.request_state),
            ({"a": 6, "b": 1}, "req_nothing", first.request_state),
            ({"a": 6, "b": 3}, key, first.request_state),
        ]:
            with pytest.raises(MCPError, match="not one that was given for this call"):
                await retry(client, arguments, request, state)
            assert (await known(place, key)).state is RequestState.OPEN
        made = await retry(client, {"a": 6, "b": 1}, key, first.request_state)
        assert isinstance(made, mcp_types.CallToolResult)
        assert not made.is_error
        with pytest.raises(MCPError, match="not open any more: it is consumed"):
            await retry(client, {"a": 6, "b": 1}, key, first.request_state)
        assert (await known(place, key)).state is RequestState.CONSUMED


async def test_a_no_that_was_said_elsewhere_meanwhile_stands(place: Place) -> None:
    person = local_person(place.gateway.settings)
    said: list[RequestState] = []

    async def overtaken(context: Any, params: Any) -> mcp_types.ElicitResult:
        for request in await place.gateway.runs.list_input_requests(person):
            if request.detail["arguments"] == {"a": 7, "b": 7}:
                no = Answer(approve=False, reason="Not this one")
                said.append((await place.gateway.runs.answer_input_request(person, request.id, no)).state)
        return mcp_types.ElicitResult(action="accept", content={"approve": True})

    async with place.client("http 2026-07-28", overtaken) as client:
        result = await client.call_tool("fixture.add", {"a": 7, "b": 7})
    assert said == [RequestState.DENIED]
    assert code_of(result) == "denied"
    assert "Not this one" in str(result.content)


async def test_a_hidden_argument_is_shown_as_it_is(place: Place) -> None:
    person = Person("cancel")
    rules = POLICY.replace('["role:lead"]', "[self]")
    from gateway.core.policy import bind
    from tests.policies import policy

    dispatch = place.gateway.dispatch
    before = dispatch.policy
    dispatch.replace(dispatch.catalog, bind(policy(rules), dispatch.catalog))
    try:
        async with place.client("http 2026-07-28", person) as client:
            await client.call_tool("fixture.echo", {"value": "fine\napprove: true\u202e"})
            await client.call_tool("fixture.echo", {"value": "x" * 100_000})
    finally:
        dispatch.replace(dispatch.catalog, before)
    (shown,) = person.shown  # what is too long to be read in a form is not put to a yes
    assert shown.message.splitlines()[1:] == ["value: fine\\u000aapprove: true\\u202e"]


async def known(place: Place, request_id: str) -> Any:
    return (await place.gateway.ledger.get_request(request_id)).request
