"""The gRPC door as a server: opening, health, reflection, draining; and the client before far ends that behave as
they should not."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from tests.integration.scripted_tools import ADA, CALL, NOBODY, Tools, failing
from toolward.auth import bearer
from toolward.client.grpc import GrpcClient
from toolward.doors.grpc import GrpcDoor, serve_grpc
from toolward.errors import (
    ConfigurationError,
    DeadlineExceeded,
    Denied,
    InvalidResult,
    Overloaded,
    ToolwardError,
    Unauthenticated,
    Unavailable,
)
from toolward.types import (
    NO_CONTEXT,
    CallContext,
    Outcome,
    Principal,
    Progress,
    ToolCall,
    ToolPage,
    text_result,
)
from toolward.wire.grpc_tools import CALL_TOOL, CALL_TOOL_STREAM, SERVICE


@pytest.fixture
def tools() -> Tools:
    return Tools()


@pytest.fixture
async def door(tools: Tools) -> AsyncGenerator[GrpcDoor, None]:
    async with serve_grpc("127.0.0.1:0", tools, bearer({"right": ADA}), name="test") as door:
        yield door


@pytest.fixture
async def client(door: GrpcDoor) -> AsyncGenerator[GrpcClient, None]:
    async with GrpcClient(door.address, "right") as client:
        yield client


# --- start, drain, stop ----------------------------------------------------------------------------------


async def _health(channel: grpc.aio.Channel, service: str) -> int:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
    return answer.status


async def test_a_drain_lets_calls_finish_and_takes_no_new_ones(tools: Tools) -> None:
    tools.waits()
    async with AsyncExitStack() as clients, AsyncExitStack() as stack:
        serving = serve_grpc("127.0.0.1:0", tools, None, name="test")
        door = await stack.enter_async_context(serving)
        client = await clients.enter_async_context(GrpcClient(door.address))
        channel = await clients.enter_async_context(grpc.aio.insecure_channel(door.address))
        serving_status, not_serving = 1, 2
        assert await _health(channel, "") == serving_status
        assert await _health(channel, SERVICE) == serving_status
        call = asyncio.create_task(client.call_tool(NOBODY, CALL, NO_CONTEXT))
        await asyncio.wait_for(tools.started.wait(), 10)

        closing = asyncio.create_task(stack.aclose())
        while await _health(channel, SERVICE) != not_serving:
            pass
        assert await _health(channel, "") == not_serving
        refused = await failing(client.list_tools(NOBODY))
        assert isinstance(refused, Unavailable)
        assert "test is stopping" in refused.message
        assert not closing.done()

        tools.released.set()
        assert await call == text_result("released")
        await closing
        assert "Nothing answers at" in (await failing(client.list_tools(NOBODY))).message


async def test_what_outlasts_the_grace_period_is_stopped_and_told(tools: Tools) -> None:
    tools.waits()
    async with AsyncExitStack() as stack:
        serving = serve_grpc("127.0.0.1:0", tools, None, name="test", grace=0.05)
        door = await stack.enter_async_context(serving)
        async with GrpcClient(door.address) as client:
            call = asyncio.create_task(client.call_tool(NOBODY, CALL, NO_CONTEXT))
            await asyncio.wait_for(tools.started.wait(), 10)
            await stack.aclose()
            found = await failing(call)
    assert isinstance(found, Unavailable)
    assert "test is stopping" in found.message
    assert tools.stopped.is_set()


async def listed(client: GrpcClient) -> bool:
    with suppress(Unavailable):
        return await client.list_tools(NOBODY) == ToolPage(())
    return False


async def test_a_stream_that_is_stopped_while_its_first_piece_goes_out_is_told_too(tools: Tools) -> None:
    async def behaviour(_: Principal, __: ToolCall, context: CallContext) -> Outcome:
        assert context.progress is not None
        context.progress(Progress(1, message="x" * 3_000_000))  # more than goes out before the client reads
        asyncio.get_running_loop().call_soon(tools.started.set)
        return await asyncio.Event().wait()  # pyright: ignore[reportReturnType] -- never

    tools.behaviour = behaviour
    async with AsyncExitStack() as clients, AsyncExitStack() as stack:
        door = await stack.enter_async_context(serve_grpc("127.0.0.1:0", tools, None, name="test", grace=0))
        channel = await clients.enter_async_context(grpc.aio.insecure_channel(door.address))
        client = await clients.enter_async_context(GrpcClient(door.address))
        call: Any = channel.unary_stream(CALL_TOOL_STREAM.path)(  # pyright: ignore[reportUnknownVariableType] -- bytes
            CALL_TOOL_STREAM.encode_request(CALL)
        )
        assert await client.list_tools(NOBODY) == ToolPage(())
        await asyncio.wait_for(tools.started.wait(), 10)
        closing = asyncio.create_task(stack.aclose())
        while await listed(client):
            pass
        assert len(await call.read()) > 3_000_000
        with pytest.raises(grpc.aio.AioRpcError, match="test is stopping"):
            await call.read()
        await closing


async def test_a_client_finds_a_server_that_was_started_again(tools: Tools) -> None:
    async with AsyncExitStack() as stack:
        async with serve_grpc("127.0.0.1:0", tools, None, name="test") as door:
            client = await stack.enter_async_context(GrpcClient(door.address))
            assert await client.list_tools(NOBODY) == ToolPage(())
        assert isinstance(await failing(client.list_tools(NOBODY)), Unavailable)
        async with serve_grpc(door.address, tools, None, name="test"), asyncio.timeout(20):
            while True:  # until the client may try to connect again
                with suppress(Unavailable):
                    assert await client.list_tools(NOBODY) == ToolPage(())
                    break


async def test_nothing_at_the_address_is_told_with_the_address_and_the_remedy(tools: Tools) -> None:
    async with serve_grpc("127.0.0.1:0", tools, None, name="test") as door:
        pass
    async with GrpcClient(door.address) as client:
        found = await failing(client.list_tools(NOBODY))
    assert isinstance(found, Unavailable)
    assert found.message == f"Nothing answers at {door.address}: Connection refused."
    assert "Start the server" in found.hint


async def test_a_port_in_use_is_told_and_nothing_is_written_to_stderr(
    door: GrpcDoor, tools: Tools, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigurationError, match=f"Port {door.port} on 127.0.0.1 is in use") as caught:
        await serve_grpc(door.address, tools, None, name="second").__aenter__()
    assert "choose another" in caught.value.hint
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("192.0.2.1:0", "Cannot listen on 192.0.2.1:0"),
        ("no.such.host.invalid:0", "Cannot listen on no.such.host.invalid"),
        ("127.0.0.1", "not an address"),
        ("127.0.0.1:99999", "not an address"),
    ],
)
async def test_an_address_that_is_none_of_ours_is_told(tools: Tools, address: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        await serve_grpc(address, tools, bearer({"right": ADA}), name="test").__aenter__()


async def test_an_open_door_is_for_loopback_only(tools: Tools) -> None:
    with pytest.raises(ConfigurationError, match="nothing says who may call"):
        await serve_grpc("0.0.0.0:0", tools, None, name="test").__aenter__()
    async with serve_grpc("[::1]:0", tools, None, name="test") as door, GrpcClient(door.address) as client:
        assert await client.call_tool(NOBODY, CALL, NO_CONTEXT) == text_result("hello local")


# --- reflection ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_finds_the_services_and_their_messages(door: GrpcDoor, version: str) -> None:
    async with grpc.aio.insecure_channel(door.address) as channel:
        method: Any = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        asked = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE),
        ]
        listed, described = [answer async for answer in method(iter(asked))]
    assert [service.name for service in listed.list_services_response.service] == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "toolward.v1.ToolService",
    ]
    files = described.file_descriptor_response.file_descriptor_proto
    assert any(b"toolward/v1/tools.proto" in file for file in files)


# --- far ends that are none of ours ----------------------------------------------------------------------


@asynccontextmanager
async def foreign(behaviour: Any, *, stream: bool = False) -> AsyncGenerator[GrpcClient, None]:
    """A plain gRPC server that answers CallTool (or its stream) in its own way."""
    server = grpc.aio.server()
    make = grpc.unary_stream_rpc_method_handler if stream else grpc.unary_unary_rpc_method_handler
    method = CALL_TOOL_STREAM.method if stream else CALL_TOOL.method
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(SERVICE, {method: make(behaviour)})]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with GrpcClient(f"127.0.0.1:{port}") as client:
            yield client
    finally:
        await server.stop(1)


async def test_an_answer_that_is_no_message_is_an_invalid_result() -> None:
    async def behaviour(_: bytes, __: Any) -> bytes:
        return b"\xff"

    async with foreign(behaviour) as client:
        found = await failing(client.call_tool(NOBODY, CALL, NO_CONTEXT))
    assert isinstance(found, InvalidResult)


async def test_a_stream_without_an_outcome_is_an_invalid_result() -> None:
    async def behaviour(_: bytes, context: Any) -> None:
        await context.write(CALL_TOOL_STREAM.encode_response(Progress(1)))

    seen: list[Progress] = []
    async with foreign(behaviour, stream=True) as client:
        found = await failing(client.call_tool(NOBODY, CALL, CallContext(progress=seen.append)))
    assert isinstance(found, InvalidResult)
    assert "without a result" in found.message
    assert seen == [Progress(1)]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, Denied),
        (grpc.StatusCode.UNAUTHENTICATED, Unauthenticated),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Overloaded),
        (grpc.StatusCode.UNAVAILABLE, Unavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceeded),
    ],
)
async def test_a_status_of_somebody_else_is_the_nearest_of_ours(
    code: grpc.StatusCode, kind: type[ToolwardError]
) -> None:
    async def behaviour(_: bytes, context: Any) -> bytes:
        await context.abort(code, "their words")
        return b""

    async with foreign(behaviour) as client:
        found = await failing(client.call_tool(NOBODY, CALL, NO_CONTEXT))
    assert type(found) is kind


async def test_a_service_that_is_not_there_is_named(client: GrpcClient) -> None:
    found = await failing(client.list_agents(NOBODY))
    assert isinstance(found, InvalidResult)
    assert "does not know ListAgents" in found.message


async def test_a_lost_connection_is_not_told_as_a_server_that_does_not_run(
    tools: Tools, door: GrpcDoor
) -> None:
    tools.waits()
    async with relay(door.port) as (port, cut), GrpcClient(f"127.0.0.1:{port}", "right") as client:
        call = asyncio.create_task(client.call_tool(NOBODY, CALL, NO_CONTEXT))
        await asyncio.wait_for(tools.started.wait(), 10)
        cut()
        found = await failing(call)
        await asyncio.wait_for(tools.stopped.wait(), 10)
    assert isinstance(found, Unavailable)
    assert f"The connection to 127.0.0.1:{port} was lost before any was answered" in found.message
    assert "may have been done" in found.hint


@asynccontextmanager
async def relay(port: int) -> AsyncGenerator[tuple[int, Callable[[], None]], None]:
    """A way to `port` that can be cut; gives its own port and the scissors."""
    writers: list[asyncio.StreamWriter] = []

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)

    tasks: set[asyncio.Task[Any]] = set()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        writers.append(writer)
        there, back = await asyncio.open_connection("127.0.0.1", port)
        writers.append(back)
        await asyncio.gather(copy(reader, back), copy(there, writer))

    def cut() -> None:
        for writer in writers:
            writer.transport.abort()

    async with await asyncio.start_server(join, "127.0.0.1", 0) as server:
        try:
            yield server.sockets[0].getsockname()[1], cut
        finally:
            server.close()
            for _ in range(5):  # who was let in a moment ago is cut, too
                await asyncio.sleep(0)
            for task in tasks:  # gRPC connects again after a cut
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            cut()
            await asyncio.sleep(0)
