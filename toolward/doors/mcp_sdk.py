"""Everything of MCP that the short path does not take, by the protocol's own SDK.

Importing this module costs most of a second, so doors import it when the first such request comes.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import mcp_types
import msgspec
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage

from toolward.doors.outcome import as_result
from toolward.errors import ToolwardError
from toolward.types import (
    CallContext,
    JsonObject,
    Principal,
    Progress,
    ServerInfo,
    ToolCall,
    ToolProvider,
    ToolResult,
    text_result,
)
from toolward.wire import mcp as wire
from toolward.wire.errors import META_KEY, details, to_jsonrpc

log = logging.getLogger(__name__)

Context = ServerRequestContext[Any, Any]
PrincipalOf = Callable[[Context], Principal]

PRINCIPAL_KEY = "toolward.principal"
"""Where the HTTP door leaves the proven principal in the ASGI scope."""

_WAITING_PROGRESS = 64  # reports that a slow client has not read yet; more are dropped, not queued


def build(provider: ToolProvider, info: ServerInfo, principal_of: PrincipalOf) -> Server[Any]:
    """The SDK's low-level server before `provider`."""

    async def list_tools(
        ctx: Context, params: mcp_types.PaginatedRequestParams | None
    ) -> mcp_types.ListToolsResult:
        page = await _mapped(provider.list_tools(principal_of(ctx), params.cursor if params else None))
        return mcp_types.ListToolsResult.model_validate_json(wire.list_result(page, _era(ctx)))

    async def call_tool(ctx: Context, params: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        meta: JsonObject | None = None
        try:
            result = await _call(provider, principal_of(ctx), ctx, params)
        except ToolwardError as error:
            if not error.for_model:
                raise _as_mcp(error) from None
            result, meta = text_result(error.text, is_error=True), {META_KEY: details(error)}
        return mcp_types.CallToolResult.model_validate_json(wire.call_result(result, _era(ctx), meta))

    def input_schema(name: str) -> None:
        """No tool of ours mirrors arguments into headers, so none needs checking against them."""

    return Server(
        info.name,
        version=info.version,
        title=info.title or None,
        instructions=info.instructions or None,
        get_tool_input_schema=input_schema,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


async def _call(
    provider: ToolProvider, principal: Principal, ctx: Context, params: mcp_types.CallToolRequestParams
) -> ToolResult:
    """Call with progress reports pumped to the client in order, until the call has ended."""
    meta: dict[str, Any] = dict(ctx.meta or {})
    call = ToolCall(
        name=params.name,
        arguments_json=msgspec.json.encode(params.arguments or {}),
        call_id=str(meta.get(wire.CALL_META, "")),
        idempotency_key=str(meta.get(wire.KEY_META, "")),
    )
    send, receive = anyio.create_memory_object_stream[Progress](_WAITING_PROGRESS)

    def report(progress: Progress) -> None:
        try:
            send.send_nowait(progress)
        except anyio.WouldBlock:
            log.debug("a progress report of %s was dropped: its client reads too slowly", params.name)

    async def pump() -> None:
        async for one in receive:
            await ctx.session.report_progress(one.progress, one.total, one.message)

    context = CallContext(
        progress=report,
        traceparent=str(meta.get("traceparent", "") or _trace_header(ctx)),
        on_behalf_of=str(meta.get(wire.ON_BEHALF_META, "")),
    )
    pumping = asyncio.create_task(pump())
    try:
        with send:
            outcome = await provider.call_tool(principal, call, context)
        await pumping  # what was reported reaches the client before the result
    finally:
        pumping.cancel()
        receive.close()
    return as_result(outcome)


def _trace_header(ctx: Context) -> str:
    """The caller's trace where its client says it as HTTP does, not in `_meta`."""
    request: Any = ctx.request  # starlette's, or None on stdio
    return "" if request is None else request.headers.get("traceparent", "")


async def _mapped(work: Awaitable[Any]) -> Any:
    try:
        return await work
    except ToolwardError as error:
        raise _as_mcp(error) from None


def _as_mcp(error: ToolwardError) -> MCPError:
    return MCPError(**to_jsonrpc(error))


def _era(ctx: Context) -> wire.Era:
    return "modern" if ctx.protocol_version == wire.MODERN else "legacy"


# --- HTTP ----------------------------------------------------------------------------------------------


@asynccontextmanager
async def http_app(
    provider: ToolProvider, info: ServerInfo, security: tuple[list[str], list[str]], max_body: int
) -> AsyncGenerator[Any, None]:
    """The SDK's Streamable HTTP application, running: SSE mode, without sessions.

    `security` are the allowed hosts and origins, which the front has checked too.
    """

    def principal_of(ctx: Context) -> Principal:
        request: Any = ctx.request  # starlette's, on this transport
        return request.scope[PRINCIPAL_KEY]

    hosts, origins = security
    server = build(provider, info, principal_of)
    app = server.streamable_http_app(
        stateless_http=True,
        max_request_body_size=max_body,
        transport_security=TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins),
    )
    async with server.session_manager.run():
        yield app


# --- stdio ---------------------------------------------------------------------------------------------


class StdioRelay:
    """The SDK's server behind a stdio door that has begun without it: the handshake is replayed, then every
    message that is not plain is relayed."""

    def __init__(self, provider: ToolProvider, info: ServerInfo, principal: Principal) -> None:
        self._server = build(provider, info, lambda ctx: principal)
        self._to_server, self._server_reads = anyio.create_memory_object_stream[SessionMessage | Exception](
            16
        )
        self._server_writes, self._from_server = anyio.create_memory_object_stream[SessionMessage](16)
        self._replayed: set[str | int] = set()

    async def replay(self, line: bytes, request_id: str | int) -> None:
        """Send an `initialize` that the door has answered; the SDK's own answer to it is dropped."""
        self._replayed.add(request_id)
        await self.send(line)

    async def send(self, line: bytes) -> None:
        message = mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False)
        await self._to_server.send(SessionMessage(message))

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
            if isinstance(message, mcp_types.JSONRPCResponse) and message.id in self._replayed:
                self._replayed.discard(message.id)
                continue
            write(message.model_dump_json(by_alias=True, exclude_unset=True).encode())
