"""The gateway under calls that are late, given up, wrong or too many: the same at each of its doors. GRPC_… are the
requirements of the gRPC door."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.bootstrap import Gateway, open_doors, open_gateway, secret_file
from gateway.config.parse import read_settings
from tests.contract.drivers import McpHttpDriver, RestDriver, grpc_driver
from tests.integration.scripted_tools import NOBODY, Tools, failing
from tests.integration.served import there
from toolward.client.grpc import GrpcClient
from toolward.doors.grpc import serve_grpc
from toolward.errors import DeadlineExceeded, Overloaded, Unauthenticated, Unavailable
from toolward.types import NO_CONTEXT, CallContext, Tool, ToolCall, ToolPage, ToolResult, text_result
from toolward.wire.grpc_metadata import MAX_STATUS, STATUS, status_in
from toolward.wire.grpc_tools import CALL_TOOL, SERVICE

POLICY = """
version: 1
rules:
  - {id: desk-works, tools: [desk.work], effect: allow}
  - {id: no-thirteen, tools: [desk.work], when: given.n && args.n == 13, effect: deny}
"""
CONFIG = """
version: 1
http: 127.0.0.1:0
grpc: 127.0.0.1:0
backends: {desk: {grpc: "DESK"}}
policies: [policy.yaml]
limits: {drain: 5, LIMITS}
"""
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
WORK = ToolCall("desk.work")
SERVING, NOT_SERVING = 1, 2


class Opened(NamedTuple):
    gateway: Gateway
    desk: Tools
    http: str
    grpc: str
    token: str
    doors: AsyncExitStack

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


@asynccontextmanager
async def opened(folder: Path, limits: str = "") -> AsyncGenerator[Opened, None]:
    """A gateway whose one backend does what the test says."""
    desk = Tools()
    desk.pages = {None: ToolPage((Tool("work", input_schema=SCHEMA),))}
    (folder / "policy.yaml").write_text(POLICY)
    async with serve_grpc("127.0.0.1:0", desk, None, name="desk") as at:
        config = folder / "toolward.yaml"
        config.write_text(CONFIG.replace("DESK", at.address).replace("LIMITS", limits))
        async with (
            open_gateway(read_settings(config), folder / "home", environment={}) as gateway,
            AsyncExitStack() as stack,
        ):
            doors = await stack.enter_async_context(open_doors(gateway))
            await there(gateway, "desk.work")
            token = secret_file(gateway.home).read_text()
            yield Opened(gateway, desk, f"http://{doors.http}", str(doors.grpc), token, stack)


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Opened, None]:
    async with opened(tmp_path_factory.mktemp("gateway"), "calls: 4, calls_per_principal: 2") as house:
        yield house


@pytest.fixture
async def client(house: Opened) -> AsyncGenerator[GrpcClient, None]:
    house.desk.started.clear()
    house.desk.stopped.clear()
    house.desk.released.clear()
    house.desk.waits()
    async with GrpcClient(house.grpc, house.token) as client:
        yield client


def waiting(client: GrpcClient, context: CallContext = NO_CONTEXT) -> "asyncio.Task[Any]":
    return asyncio.create_task(client.call_tool(NOBODY, WORK, context))


def counting(desk: Tools) -> asyncio.Semaphore:
    """Its calls wait until they are released; released once for each that has begun."""
    started = asyncio.Semaphore(0)

    async def behaviour(*_: Any) -> ToolResult:
        started.release()
        await desk.released.wait()
        return text_result("released")

    desk.behaviour = behaviour
    return started


async def test_GRPC_DEADLINE_is_told_and_the_backends_call_is_stopped(
    house: Opened, client: GrpcClient
) -> None:
    error = await failing(client.call_tool(NOBODY, WORK, CallContext(timeout=0.3)))
    assert isinstance(error, DeadlineExceeded)
    await asyncio.wait_for(house.desk.stopped.wait(), 5)


@pytest.mark.parametrize("streamed", [False, True], ids=["unary", "stream"])
async def test_GRPC_CANCEL_stops_the_backends_call_within_200_ms(
    house: Opened, client: GrpcClient, streamed: bool
) -> None:
    call = waiting(client, CallContext(progress=lambda _: None) if streamed else NO_CONTEXT)
    await asyncio.wait_for(house.desk.started.wait(), 5)
    began = asyncio.get_running_loop().time()
    call.cancel()
    await asyncio.wait_for(house.desk.stopped.wait(), 5)
    assert asyncio.get_running_loop().time() - began < 0.2


DETAILS = {
    "a denial names the rule": (
        b'{"n": 13}',
        grpc.StatusCode.PERMISSION_DENIED,
        {"reason": "denied", "domain": "toolward", "rule": "no-thirteen"},
    ),
    "wrong arguments name the fields": (
        b'{"n": "one"}',
        grpc.StatusCode.INVALID_ARGUMENT,
        {"reason": "invalid_arguments", "domain": "toolward", "field": "/n"},
    ),
}


def unpacked(error: grpc.aio.AioRpcError) -> dict[str, Any]:
    """What the details of a status say, by gRPC's own types alone."""
    status = status_in(error.trailing_metadata() or ())
    assert status is not None
    found: dict[str, Any] = {}
    for box in status.details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo):
            if box.TypeName() == kind.DESCRIPTOR.full_name:
                one: Any = kind()
                box.Unpack(one)
                if isinstance(one, error_details_pb2.ErrorInfo):
                    found |= {"reason": one.reason, "domain": one.domain, **one.metadata}
                elif isinstance(one, error_details_pb2.BadRequest):
                    found |= {"field": one.field_violations[0].field}
                else:
                    found |= {"retry": one.retry_delay.ToMilliseconds()}
    return found


async def raw_error(at: Opened, call: ToolCall) -> grpc.aio.AioRpcError:
    async with grpc.aio.insecure_channel(at.grpc) as channel:
        metadata = (("authorization", f"Bearer {at.token}"),)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(CALL_TOOL.path)(CALL_TOOL.encode_request(call), metadata=metadata)
    return caught.value


@pytest.mark.parametrize(("arguments", "code", "said"), DETAILS.values(), ids=DETAILS)
async def test_GRPC_ERRORS_say_what_was_wrong_in_their_details(
    house: Opened, arguments: bytes, code: grpc.StatusCode, said: dict[str, str]
) -> None:
    error = await raw_error(house, ToolCall("desk.work", arguments))
    found = unpacked(error)
    assert error.code() is code
    assert {key: found[key] for key in said} == said
    metadata = error.trailing_metadata() or ()
    assert 0 < sum(len(value) for key, value in metadata if key == STATUS) < MAX_STATUS


async def test_GRPC_ERRORS_say_when_to_come_back_where_a_caller_has_too_much_in_work(
    house: Opened, client: GrpcClient
) -> None:
    started = counting(house.desk)
    held = [waiting(client) for _ in range(2)]
    for _ in held:
        await started.acquire()
    error = await raw_error(house, WORK)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert unpacked(error) == {
        "reason": "overloaded",
        "domain": "toolward",
        "hint": "Try again when one of them has ended.",
        "retry": 1000,
    }
    house.desk.released.set()
    await asyncio.gather(*held)


async def test_a_rate_is_one_for_all_doors_and_each_says_when_to_come_back(tmp_path: Path) -> None:
    async with (
        opened(tmp_path, "requests_per_second: 0.001, burst: 3") as at,
        httpx.AsyncClient(base_url=at.http, headers=at.headers) as http,
        grpc_driver(at.grpc, at.token) as by_grpc,
    ):
        rest, mcp = RestDriver(http, at.token), McpHttpDriver(http, at.token, modern=True)
        assert [(await door.call("desk.work", b"{}")).code for door in (by_grpc, rest, mcp)] == ["ok"] * 3
        told = [await door.call("desk.work", b"{}") for door in (by_grpc, rest, mcp)]
        assert [one.code for one in told] == ["overloaded"] * 3
        error = await raw_error(at, WORK)
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert 990_000 < unpacked(error)["retry"] <= 1_000_000
        for path in ("/v1/tools", "/v1/runs", "/v1/agents"):
            answer = await http.get(path)
            assert answer.status_code == 429
            assert 990 < int(answer.headers["retry-after"]) <= 1000
        called = await http.post(
            "/mcp", json=MCP_CALL, headers={"accept": "application/json, text/event-stream"}
        )
        assert 990 < called.json()["result"]["_meta"]["toolward/error"]["retry_after"] <= 1000
        async with GrpcClient(at.grpc, at.token) as client:
            for work in (client.list_tools(NOBODY), client.list_agents(NOBODY), client.get_run(NOBODY, "x")):
                assert isinstance(await failing(work), Overloaded)
        shown = (await http.get("/metrics")).text  # who operates it is not limited by what it says of itself
        assert 'toolward_refused_total{door="grpc",code="overloaded"}' in shown


async def test_failures_to_prove_who_one_is_are_counted_for_an_address_at_all_doors(tmp_path: Path) -> None:
    """The local person's secret is good meanwhile, though it was not shown before: they share the address."""
    async with opened(tmp_path, "failures_per_minute: 3") as at, httpx.AsyncClient(base_url=at.http) as http:
        wrong = {"authorization": "Bearer wrong", "accept": "application/json, text/event-stream"}
        async with GrpcClient(at.grpc, "wrong") as client:

            async def codes() -> list[Any]:
                mcp = await http.post("/mcp", json=MCP_CALL, headers=wrong)
                rest = await http.get("/v1/tools", headers=wrong | {"x-forwarded-for": "192.0.2.1"})
                told = await failing(client.list_tools(NOBODY))
                return [mcp.status_code, rest.status_code, type(told), "retry-after" in rest.headers]

            assert await codes() == [401, 401, Unauthenticated, False]
            assert await codes() == [429, 429, Overloaded, True]
        assert (await http.get("/v1/tools", headers=at.headers)).status_code == 200


MCP_CALL: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "desk.work", "arguments": {}},
}


async def test_GRPC_HEALTH_and_every_door_on_the_way_out(tmp_path: Path) -> None:
    """Calls in work end; new ones are told to come back; health says so, for each service and for all."""

    async def health(channel: grpc.aio.Channel) -> list[int]:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        asked = [health_pb2.HealthCheckRequest(service=one) for one in ("", SERVICE, AGENTS)]
        return [(await stub.Check(one)).status for one in asked]

    async with (
        opened(tmp_path) as at,
        httpx.AsyncClient(base_url=at.http, headers=at.headers, timeout=20) as http,
        GrpcClient(at.grpc, at.token) as client,
        grpc.aio.insecure_channel(at.grpc) as channel,
    ):
        started = counting(at.desk)
        assert await health(channel) == [SERVING] * 3
        by_grpc = waiting(client)
        by_http = asyncio.create_task(http.post("/v1/tools/desk.work/calls", json={}))
        for _ in range(2):
            await started.acquire()
        closing = asyncio.create_task(at.doors.aclose())
        while await health(channel) != [NOT_SERVING] * 3:
            pass

        refused = await failing(client.call_tool(NOBODY, WORK, NO_CONTEXT))
        assert isinstance(refused, Unavailable)
        assert (refused.message, refused.retry_after) == ("toolward is stopping, and begins nothing new.", 1)
        for path in ("/v1/tools/desk.work/calls", "/v1/runs"):
            answer = await http.post(path, json={"agent": "x", "input": "y"} if path == "/v1/runs" else {})
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert not closing.done()

        at.desk.released.set()
        assert await by_grpc == text_result("released")
        assert (await by_http).json()["content"][0]["text"] == "released"
        await closing
        with pytest.raises(httpx.ConnectError):
            await http.get("/healthz")


AGENTS = "toolward.v1.AgentService"
