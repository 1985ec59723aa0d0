"""What the gRPC door takes, and what it does with clients that take too much. GRPC_… are the requirements."""

import asyncio
import gzip
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc
import pytest

from tests.integration.scripted_tools import CALL, NOBODY, Tools, failing
from tests.integration.test_grpc_serving import foreign
from toolward.auth import bearer
from toolward.client.grpc import GrpcClient
from toolward.doors.grpc import GrpcDoor, serve_grpc
from toolward.doors.grpc_boundary import COMPRESSED_FROM, is_far
from toolward.doors.grpc_options import STREAMS
from toolward.doors.limits import Limits
from toolward.errors import TooLarge, Unavailable
from toolward.types import NO_CONTEXT, ToolCall, ToolResult, text_result
from toolward.wire.grpc_rpc import Rpc
from toolward.wire.grpc_tools import CALL_TOOL, CALL_TOOL_STREAM

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04" + bytes(5)  # and empty settings (RFC 9113, 3.4)
PING = b"\0\0\x08\x06" + bytes(13)
MAX_CONCURRENT_STREAMS = b"\0\x03" + STREAMS.to_bytes(4, "big")


@asynccontextmanager
async def door(limits: Limits = Limits(), **how: Any) -> AsyncGenerator[tuple[Tools, GrpcDoor], None]:  # noqa: B008
    tools = Tools()
    async with (
        asyncio.timeout(20),
        serve_grpc("127.0.0.1:0", tools, None, name="test", limits=limits, **how) as opened,
    ):
        yield tools, opened


async def connect(at: GrpcDoor) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", at.port)
    writer.write(PREFACE)
    return reader, writer


async def refused(channel: grpc.aio.Channel, raw: bytes, **how: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(CALL_TOOL.path)(raw, **how)
    return caught.value


# --- compression -----------------------------------------------------------------------------------------


async def test_GRPC_COMPRESSION_a_packed_request_is_read_and_a_bomb_is_bounded_by_what_it_unpacks_to() -> (
    None
):
    async with (
        door(Limits(body_bytes=100_000)) as (_, at),
        grpc.aio.insecure_channel(at.address, compression=grpc.Compression.Gzip) as channel,
    ):
        fits = CALL_TOOL.encode_request(ToolCall("any", b'"%b"' % (b"x" * 90_000)))
        assert len(gzip.compress(fits)) < 1000
        answer = cast(bytes, await channel.unary_unary(CALL_TOOL.path)(fits))  # pyright: ignore[reportUnknownMemberType]
        assert CALL_TOOL.decode_response(answer) == text_result("hello local")
        bomb = CALL_TOOL.encode_request(ToolCall("any", b'"%b"' % (b"x" * 10_000_000)))
        assert len(gzip.compress(bomb)) < 20_000
        error = await refused(channel, bomb)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in (error.details() or "")


@pytest.mark.parametrize(
    ("size", "compresses", "packed"),
    [(200_000, True, True), (200_000, False, False), (COMPRESSED_FROM // 2, True, False)],
    ids=["large", "large and near", "small"],
)
async def test_GRPC_COMPRESSION_a_large_answer_to_a_peer_elsewhere_is_packed(
    size: int, compresses: bool, packed: bool
) -> None:
    def decides(_: str) -> bool:
        return compresses

    async with door(compresses=decides) as (tools, at):
        tools.gives(text_result("x" * size))
        async with counting_relay(at.port) as (port, read), GrpcClient(f"127.0.0.1:{port}") as client:
            assert await client.call_tool(NOBODY, CALL, NO_CONTEXT) == text_result("x" * size)
            assert (sum(map(len, read)) < size // 2) == packed


@pytest.mark.parametrize(
    ("peer", "far"),
    [
        ("ipv4:127.0.0.1:1", False),
        ("ipv6:%5B::1%5D:1", False),
        ("unix:", False),
        ("ipv4:192.0.2.7:1", True),
        ("ipv6:%5B2001:db8::1%5D:1", True),
    ],
)
def test_GRPC_COMPRESSION_is_for_other_computers(peer: str, far: bool) -> None:
    assert is_far(peer) == far


@asynccontextmanager
async def counting_relay(port: int) -> AsyncGenerator[tuple[int, list[bytes]], None]:
    """A way to `port`, and what came back by it."""
    read: list[bytes] = []

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)

        async def out() -> None:
            while data := await reader.read(65536):
                back.write(data)
            back.close()

        going = asyncio.create_task(out())
        while data := await there.read(65536):
            read.append(data)
            writer.write(data)
        writer.close()
        await going

    async with await asyncio.start_server(join, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], read


# --- bounds ----------------------------------------------------------------------------------------------


async def test_GRPC_LIMITS_a_message_over_the_bound_is_refused_and_our_client_says_so() -> None:
    async with door(Limits(body_bytes=10_000)) as (_, at), GrpcClient(at.address) as client:
        call = ToolCall("any", b'"%b"' % (b"x" * 20_000))
        error = await failing(client.call_tool(NOBODY, call, NO_CONTEXT))
    assert isinstance(error, TooLarge)
    assert f"{at.address} takes no message as large" in error.message


async def test_GRPC_LIMITS_metadata_is_bounded_exactly() -> None:
    async with door(Limits(header_bytes=9000)) as (_, at), grpc.aio.insecure_channel(at.address) as channel:
        await channel.unary_unary(CALL_TOOL.path)(b"", metadata=(("a", "x" * 8000),))
        error = await refused(channel, b"", metadata=(("a", "x" * 10_000),))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_GRPC_LIMITS_connections_beyond_are_closed_and_the_others_served() -> None:
    async with door(Limits(connections=2)) as (_, at), GrpcClient(at.address) as client:
        assert await client.call_tool(NOBODY, CALL, NO_CONTEXT) == text_result("hello local")
        held = await connect(at)
        assert await held[0].read(9)
        for _ in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", at.port)
            assert await reader.read(9) == b""
            writer.close()
        assert await client.call_tool(NOBODY, CALL, NO_CONTEXT) == text_result("hello local")
        held[1].close()


async def test_GRPC_LIMITS_streams_of_one_connection_are_bounded() -> None:
    async with door() as (_, at):
        reader, writer = await connect(at)
        settings = await reader.readuntil(MAX_CONCURRENT_STREAMS)
        assert settings
        writer.close()


# --- connections that only take --------------------------------------------------------------------------


async def test_GRPC_KEEPALIVE_who_pings_for_nothing_is_cut_off() -> None:
    async with door() as (_, at):
        reader, writer = await connect(at)
        writer.write(PING * 6)
        assert (await reader.read()).endswith(b"too_many_pings")
        writer.close()


async def test_GRPC_KEEPALIVE_a_connection_that_asks_nothing_is_closed_and_a_call_holds_it() -> None:
    async with door(Limits(idle_seconds=0.2)) as (tools, at), GrpcClient(at.address) as client:
        tools.waits()
        call = asyncio.create_task(client.call_tool(NOBODY, CALL, NO_CONTEXT))
        await tools.started.wait()
        reader, writer = await connect(at)
        assert (await reader.read()).endswith(b"connection idle")
        writer.close()
        tools.released.set()
        assert await call == text_result("released")


async def test_GRPC_KEEPALIVE_who_never_finishes_its_handshake_is_closed() -> None:
    async with door(Limits(head_seconds=0.2)) as (_, at):
        reader, writer = await asyncio.open_connection("127.0.0.1", at.port)
        writer.write(PREFACE[:5])
        received = b""
        while piece := await reader.read(1000):
            received += piece
        writer.close()


# --- our client ------------------------------------------------------------------------------------------


async def test_GRPC_RETRY_our_client_sends_no_call_twice_that_may_have_had_its_effect() -> None:
    calls = 0

    async def behaviour(_: bytes, context: Any) -> bytes:
        nonlocal calls
        calls += 1
        await context.abort(grpc.StatusCode.UNAVAILABLE, "lost")
        return b""

    async with foreign(behaviour) as client:
        assert isinstance(await failing(client.call_tool(NOBODY, CALL, NO_CONTEXT)), Unavailable)
    assert calls == 1


async def test_GRPC_KEEPALIVE_our_client_goes_on_after_its_idle_connection_was_closed() -> None:
    async with door(Limits(idle_seconds=0.05)) as (_, at), GrpcClient(at.address) as client:
        for _ in range(3):
            outcome = await client.call_tool(NOBODY, CALL, NO_CONTEXT)
            assert isinstance(outcome, ToolResult)
            reader, writer = await connect(at)  # opened later, so closed later
            assert (await reader.read()).endswith(b"connection idle")
            writer.close()


# --- strangers -------------------------------------------------------------------------------------------


@asynccontextmanager
async def closed_door() -> AsyncGenerator[grpc.aio.Channel, None]:
    """A channel to a door that knows one token."""
    known = bearer({"right": NOBODY})
    async with (
        asyncio.timeout(20),
        serve_grpc("127.0.0.1:0", Tools(), known, name="test") as at,
        grpc.aio.insecure_channel(at.address) as channel,
    ):
        yield channel


@pytest.mark.parametrize("rpc", [CALL_TOOL, CALL_TOOL_STREAM], ids=["unary", "stream"])
async def test_GRPC_STRANGERS_are_refused_before_their_message_has_come(rpc: Rpc[Any, Any]) -> None:
    async with closed_door() as channel:
        call = cast(Any, channel.stream_stream(rpc.path)())  # and nothing is ever written
        assert await call.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_GRPC_STRANGERS_who_send_nothing_are_told_once_they_are_known() -> None:
    async with closed_door() as channel:
        call = cast(Any, channel.stream_stream(CALL_TOOL.path)(metadata=(("authorization", "Bearer right"),)))
        await call.done_writing()
        assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "has no message" in (await call.details() or "")
