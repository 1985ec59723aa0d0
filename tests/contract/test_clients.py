"""One client, whatever lies between: the same behaviour over gRPC, MCP over HTTP and MCP over stdio."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.contract.cases import CASES, Case
from tests.servers import callee, fixture
from toolward.auth import bearer
from toolward.client import Client, Retries, connect
from toolward.doors.address import parse_address
from toolward.doors.grpc import serve_grpc
from toolward.doors.mcp_http import McpHttpDoor
from toolward.doors.origin import Origins
from toolward.doors.serve import http_server
from toolward.errors import (
    ConfigurationError,
    DeadlineExceeded,
    InvalidArguments,
    InvalidRequest,
    ToolwardError,
    Unauthenticated,
    Unavailable,
)
from toolward.types import Principal, Progress, ToolResult

REPOSITORY = Path(__file__).parents[2]
TARGETS = ["grpc", "http", "stdio"]
QUICK = Retries(more=2, wait=0.01)

Targets = dict[str, Any]


async def _serve(stack: AsyncExitStack, server: Any) -> Targets:
    authenticate = bearer({"right": Principal("ada")})
    door = McpHttpDoor(server, server.info, authenticate, Origins())
    stack.push_async_callback(door.aclose)
    await stack.enter_async_context(server.running())
    port = await stack.enter_async_context(http_server(door, parse_address("127.0.0.1:0")))
    grpc = await stack.enter_async_context(serve_grpc("127.0.0.1:0", server, authenticate, name="callee"))
    return {
        "grpc": f"grpc://{grpc.address}",
        "http": f"http://127.0.0.1:{port}/mcp",
        "stdio": [sys.executable, "-m", "tests.servers.callee"],
    }


@pytest.fixture(scope="module")
async def targets() -> AsyncGenerator[Targets, None]:
    async with AsyncExitStack() as stack:
        yield await _serve(stack, callee.server)


@pytest.fixture(scope="module")
async def odd_targets() -> AsyncGenerator[Targets, None]:
    """Of the server that the doors are tested with."""
    async with AsyncExitStack() as stack:
        found = await _serve(stack, fixture.server)
        yield found | {"stdio": [sys.executable, "-m", "tests.servers.fixture"]}


def to(targets: Targets, target: str, **given: Any) -> Client:
    given = {"token": "right", "retries": QUICK, "cwd": REPOSITORY, "idempotent": ["fail_twice"]} | given
    return connect(targets[target], **given)


over_each = pytest.mark.parametrize("target", TARGETS)


@over_each
@pytest.mark.parametrize("way", ["plain", "with progress"])
async def test_it_hears_what_the_doors_say(odd_targets: Targets, target: str, way: str) -> None:
    """Over HTTP the two ways are the keep-alive pool and the SDK's client."""
    async with to(odd_targets, target) as client:
        for case in CASES:
            await _check(client, case, None if way == "plain" else _ignore)


def _ignore(report: Progress) -> None:
    pass


async def _check(client: Client, case: Case, progress: Any) -> None:
    structured = None
    try:
        result = await client.call(case.tool, case.arguments, progress=progress)
    except ToolwardError as error:
        code, text = error.code, error.text
    else:
        code, text = "tool_error" if result.is_error else "ok", result.text
        structured = result.structured
    assert code == case.code, case.what
    assert case.says.replace("{tool}", case.tool) in text, case.what
    assert case.structured is None or structured == case.structured, case.what


@over_each
async def test_a_call_takes_a_mapping_and_lists_the_tools(targets: Targets, target: str) -> None:
    async with to(targets, target) as client:
        names = [tool.name for tool in await client.list_tools()]
        assert names == [tool.name for tool in (await callee.server.list_tools(Principal("x"))).tools]
        assert (await client.call("add", {"a": 10**30, "b": 1})).structured == {"sum": 10**30 + 1}


@over_each
async def test_a_stream_is_progress_and_then_the_result(targets: Targets, target: str) -> None:
    async with to(targets, target) as client:
        pieces = [piece async for piece in client.stream("count_to", {"steps": 3})]
    *reports, result = pieces
    assert reports == [Progress(1, 3), Progress(2, 3), Progress(3, 3)]
    assert isinstance(result, ToolResult)
    assert result.text == "counted"


async def _counted(client: Client, what: str, times: int) -> None:
    async with asyncio.timeout(10):
        while (await client.call("how_often", {"what": what})).structured != times:  # noqa: ASYNC110 -- what is waited for happens elsewhere
            await asyncio.sleep(0.01)


@over_each
async def test_a_call_that_nobody_awaits_any_more_is_stopped_over_there(
    targets: Targets, target: str
) -> None:
    what = uuid4().hex
    async with to(targets, target) as client:
        call = asyncio.create_task(client.call("wait", {"what": what}))
        await _counted(client, f"began {what}", 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await _counted(client, what, 1)


@over_each
async def test_a_stream_that_is_closed_is_stopped_over_there(targets: Targets, target: str) -> None:
    what = uuid4().hex
    async with to(targets, target) as client:
        async with aclosing(client.stream("wait", {"what": what})) as pieces:
            assert await anext(pieces) == Progress(1)
        await _counted(client, what, 1)


@over_each
async def test_a_deadline_ends_the_call_on_both_sides(targets: Targets, target: str) -> None:
    what = uuid4().hex
    async with to(targets, target) as client:
        with pytest.raises(DeadlineExceeded):
            await client.call("wait", {"what": what}, timeout=1)
        await _counted(client, what, 1)


@over_each
async def test_only_what_does_no_harm_is_tried_again(targets: Targets, target: str) -> None:
    async with to(targets, target) as client:
        assert (await client.call("fail_twice", {"what": uuid4().hex})).text == "at the 3rd"
    async with to(targets, target, idempotent=()) as client:
        keyed = await client.call("fail_twice", {"what": uuid4().hex}, key="one")
        assert keyed.text == "at the 3rd"
        what = uuid4().hex
        with pytest.raises(Unavailable, match="shelf"):
            await client.call("fail_twice", {"what": what})
        assert (await client.call("how_often", {"what": what})).structured == 1
        assert (await client.call("be_busy_once", {"what": uuid4().hex})).text == "at the 2nd"


@over_each
async def test_attempts_end(targets: Targets, target: str) -> None:
    what = uuid4().hex
    async with to(targets, target, retries=Retries(more=1, wait=0.01)) as client:
        with pytest.raises(Unavailable):
            await client.call("fail_twice", {"what": what})
        assert (await client.call("how_often", {"what": what})).structured == 2


@over_each
async def test_arguments_that_are_no_json_object_are_not_sent(targets: Targets, target: str) -> None:
    async with to(targets, target) as client:
        with pytest.raises(InvalidRequest, match="not valid JSON"):
            await client.call("add", b'{"a":1},"name":"how_often"')
        with pytest.raises(InvalidArguments, match="must be a JSON object"):
            await client.call("add", b"[1]")


@pytest.mark.parametrize("target", ["grpc", "http"])
async def test_a_wrong_token_is_told(targets: Targets, target: str) -> None:
    with pytest.raises(Unauthenticated):
        async with to(targets, target, token="wrong") as client:
            await client.list_tools()


@pytest.mark.parametrize("target", ["grpc://127.0.0.1:1", "http://127.0.0.1:1/mcp"])
async def test_nobody_at_the_target_is_told(target: str) -> None:
    with pytest.raises(Unavailable):
        async with connect(target, retries=QUICK) as client:
            await client.list_tools()


@pytest.mark.parametrize("target", ["127.0.0.1:8711", "ftp://x", "grpc://", "grpc://x:1/path", [], ""])
def test_what_is_no_target_is_refused(target: Any) -> None:
    with pytest.raises(ConfigurationError, match="no target"):
        connect(target)


async def test_all_pages_are_listed() -> None:
    command = [sys.executable, "-m", "tests.servers.legacy"]
    async with connect(command, cwd=REPOSITORY) as client:
        assert len(await client.list_tools()) > 1


async def test_agents_are_told_to_be_elsewhere_over_mcp(targets: Targets) -> None:
    async with to(targets, "http") as client:
        with pytest.raises(ConfigurationError, match="reached over gRPC"):
            client.agents.list_agents  # noqa: B018 -- reading it is the test


async def test_it_is_no_way_around_entering(targets: Targets) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await to(targets, "http").call("add")
