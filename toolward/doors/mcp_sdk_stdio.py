"""The SDK's server behind a stdio door that has begun without it."""

import asyncio
from collections.abc import Callable

import anyio
import mcp_types
from mcp.shared.message import SessionMessage

from toolward.doors.mcp_offers import add_offers, add_subscriptions
from toolward.doors.mcp_sdk import SdkServer, Transport
from toolward.types import Principal, ServerInfo, ToolProvider
from toolward.wire import mcp as wire

_WAITING = 16  # messages on the way to the server, and from it


class StdioRelay:
    """The handshake is replayed, then every message that is not plain is relayed."""

    def __init__(self, provider: ToolProvider, info: ServerInfo, principal: Principal) -> None:
        self._arguments: dict[str | int, bytes] = {}  # of calls in work, as they came
        self._closing = asyncio.Event()
        self._server = SdkServer(
            provider,
            info,
            Transport(
                principal_of=lambda ctx: principal,
                arguments_of=lambda ctx: self._arguments.get(ctx.request_id or ""),
                least_of=lambda ctx: "info",
                has_channel=True,
            ),
        )
        add_offers(self._server)
        add_subscriptions(self._server, provider, self._closing)
        self._to_server, self._server_reads = anyio.create_memory_object_stream[SessionMessage | Exception](
            _WAITING
        )
        self._server_writes, self._from_server = anyio.create_memory_object_stream[SessionMessage](_WAITING)
        self._replayed: set[str | int] = set()
        self._unanswered: set[str | int] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def replay(self, line: bytes, request_id: str | int) -> None:
        """Send an `initialize` that the door has answered; the SDK's own answer to it is dropped."""
        self._replayed.add(request_id)
        await self.send(line)

    async def send(self, line: bytes) -> None:
        message = mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False)
        if isinstance(message, mcp_types.JSONRPCRequest):
            self._unanswered.add(message.id)
            self._quiet.clear()
            if message.method == "tools/call":
                self._arguments[message.id] = bytes(wire.decode(line).params.arguments)
        await self._to_server.send(SessionMessage(message))
        if isinstance(message, mcp_types.JSONRPCNotification) and message.method == "notifications/cancelled":
            # The SDK answers it never; whoever waits for all answers would wait for this one.
            self._answered((message.params or {}).get("requestId", ""))

    async def drain(self) -> None:
        """Returns when every request is answered; subscriptions end now."""
        self._closing.set()
        await self._quiet.wait()

    async def run(self, write: Callable[[bytes], None]) -> None:
        """Serve until cancelled; `write` gets each message to the client."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._pump, write)
            options = self._server.create_initialization_options()
            await self._server.run(self._server_reads, self._server_writes, options)
            tasks.cancel_scope.cancel()

    async def _pump(self, write: Callable[[bytes], None]) -> None:
        async for item in self._from_server:
            message = item.message
            is_answer = isinstance(message, mcp_types.JSONRPCResponse | mcp_types.JSONRPCError)
            if is_answer and message.id in self._replayed:
                self._replayed.discard(message.id)
            else:
                write(message.model_dump_json(by_alias=True, exclude_unset=True).encode())
            if is_answer and message.id is not None:
                self._answered(message.id)

    def _answered(self, id_: str | int) -> None:
        self._arguments.pop(id_, None)
        self._unanswered.discard(id_)
        if not self._unanswered:
            self._quiet.set()
