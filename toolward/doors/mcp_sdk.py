"""Everything of MCP that the short path does not take, by the protocol's own SDK.

Importing this module costs most of a second, so doors import it when the first such request comes.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import mcp_types
import msgspec
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from toolward.doors import mcp_asking as asking
from toolward.errors import InvalidRequest, ToolwardError
from toolward.offers import Offers, offers_of
from toolward.types import (
    CallContext,
    GivenInput,
    InputRequired,
    JsonObject,
    LogEntry,
    LogLevel,
    Outcome,
    Principal,
    Progress,
    ServerInfo,
    ToolCall,
    ToolProvider,
    text_result,
)
from toolward.wire import mcp as wire
from toolward.wire.errors import META_KEY, details, to_jsonrpc
from toolward.wire.outcome import as_result

log = logging.getLogger(__name__)

Context = ServerRequestContext[Any, Any]

_WAITING_NEWS = (
    256  # reports and log entries that a slow client has not read yet; more are dropped, not queued
)


@dataclass(frozen=True)
class Transport:
    """What the SDK's server must ask the transport that it stands behind."""

    principal_of: Callable[[Context], Principal]
    arguments_of: Callable[[Context], bytes | None]
    """The arguments of a call as they came: the SDK's own parsing forgets double names and is not exact."""
    least_of: Callable[[Context], LogLevel | None]
    """From which level on a client of the handshake eras gets logs; None where it gets none."""
    has_channel: bool
    """Whether such a client can be told what it did not ask for."""


class SdkServer(Server[Any]):
    """The SDK's low-level server before a provider of tools; further methods are added to it."""

    def __init__(self, provider: ToolProvider, info: ServerInfo, transport: Transport) -> None:
        def input_schema(name: str) -> None:
            """No tool of ours mirrors arguments into headers, so none needs checking against them."""

        super().__init__(
            info.name,
            version=info.version,
            title=info.title or None,
            instructions=info.instructions or None,
            get_tool_input_schema=input_schema,
        )
        self._provider, self._transport = provider, transport
        self.offers: Offers = offers_of(provider)
        self.add_request_handler("server/discover", mcp_types.RequestParams, self._discover)
        self.add_request_handler("tools/list", mcp_types.PaginatedRequestParams, self._list_tools)
        self.add_request_handler("tools/call", mcp_types.CallToolRequestParams, self._call_tool)

    def get_capabilities(self, *_: Any, **__: Any) -> mcp_types.ServerCapabilities:
        """Of the handshake eras: the SDK asks here when it answers `initialize`."""
        told = self._transport.has_channel
        found = wire.capabilities(self.offers, tells_changes=told, takes_log_level=told)
        return mcp_types.ServerCapabilities.model_validate(found)

    def principal_of(self, ctx: Context) -> Principal:
        return self._transport.principal_of(ctx)

    async def _discover(self, ctx: Context, params: mcp_types.RequestParams) -> mcp_types.DiscoverResult:
        found = wire.capabilities(self.offers, tells_changes=True)
        return mcp_types.DiscoverResult(
            supported_versions=[wire.MODERN],
            capabilities=mcp_types.ServerCapabilities.model_validate(found),
            instructions=self.instructions,
            ttl_ms=0,
            cache_scope="private",
        )

    async def _list_tools(
        self, ctx: Context, params: mcp_types.PaginatedRequestParams
    ) -> mcp_types.ListToolsResult:
        page = await mapped(self._provider.list_tools(self.principal_of(ctx), params.cursor))
        return mcp_types.ListToolsResult.model_validate_json(wire.list_result(page, era_of(ctx)))

    async def _call_tool(
        self, ctx: Context, params: mcp_types.CallToolRequestParams
    ) -> mcp_types.CallToolResult | mcp_types.InputRequiredResult:
        meta: JsonObject | None = None
        try:
            outcome = await self._call_and_ask(ctx, params)
            if isinstance(outcome, mcp_types.InputRequiredResult):
                return outcome
            result = as_result(outcome)
        except ToolwardError as error:
            if not error.for_model:
                raise as_mcp(error) from None
            result, meta = text_result(error.text, is_error=True), {META_KEY: details(error)}
        return mcp_types.CallToolResult.model_validate_json(wire.call_result(result, era_of(ctx), meta))

    async def _call_and_ask(
        self, ctx: Context, params: mcp_types.CallToolRequestParams
    ) -> Outcome | mcp_types.InputRequiredResult:
        """The call; where the person before the client may answer what it needs, they are asked, and it is made
        again with what they said. In 2026-07-28 the client makes it again itself."""
        said = asking.said(params)
        outcome = await self._call(ctx, params, said)
        if not isinstance(outcome, InputRequired) or (params.input_responses is not None and said is None):
            return outcome  # whoever put it off is not asked at once again
        if era_of(ctx) == "modern":
            return asking.input_required(ctx, outcome) or outcome
        given = await asking.ask(ctx, outcome)
        return outcome if given is None else await self._call(ctx, params, given)

    async def _call(
        self, ctx: Context, params: mcp_types.CallToolRequestParams, given: GivenInput | None
    ) -> Outcome:
        """Call with news pumped to the client in order, until the call has ended."""
        meta: dict[str, Any] = dict(ctx.meta or {})
        arguments = self._transport.arguments_of(ctx)
        call = ToolCall(
            name=params.name,
            arguments_json=msgspec.json.encode(params.arguments or {}) if arguments is None else arguments,
            call_id=str(meta.get(wire.CALL_META, "")),
            idempotency_key=str(meta.get(wire.KEY_META, "")),
            given=given,
        )
        send, receive = anyio.create_memory_object_stream[Progress | LogEntry](_WAITING_NEWS)

        def tell(news: Progress | LogEntry) -> None:
            try:
                send.send_nowait(news)
            except anyio.WouldBlock:
                log.debug("news of %s were dropped: its client reads too slowly", params.name)

        async def pump() -> None:
            async for news in receive:
                if isinstance(news, Progress):
                    await ctx.session.report_progress(news.progress, news.total, news.message)
                else:
                    await self._log(ctx, news, params.name)

        context = msgspec.structs.replace(context_of(ctx), progress=tell, log=tell)
        pumping = asyncio.create_task(pump())
        try:
            with send:
                outcome = await self._provider.call_tool(self.principal_of(ctx), call, context)
            await pumping  # what was told reaches the client before the result
        finally:
            pumping.cancel()
            receive.close()
        return outcome

    async def _log(self, ctx: Context, entry: LogEntry, name: str) -> None:
        if era_of(ctx) == "modern":
            least: Any = (ctx.meta or {}).get("io.modelcontextprotocol/logLevel")  # asked for with each call
        else:
            least = self._transport.least_of(ctx)
        if least is not None and wire.is_wanted(entry, least):
            params = mcp_types.LoggingMessageNotificationParams.model_validate(wire.log_params(entry, name))
            await ctx.session.send_notification(
                mcp_types.LoggingMessageNotification(params=params), related_request_id=ctx.request_id
            )


def _trace_header(ctx: Context) -> str:
    """The caller's trace where its client says it as HTTP does, not in `_meta`."""
    request: Any = ctx.request  # starlette's, or None on stdio
    return "" if request is None else request.headers.get("traceparent", "")


async def mapped(work: Awaitable[Any]) -> Any:
    """What `work` gives, its errors as the SDK's."""
    try:
        return await work
    except ToolwardError as error:
        raise as_mcp(error) from None


def as_mcp(error: ToolwardError) -> MCPError:
    return MCPError(**to_jsonrpc(error))


def era_of(ctx: Context) -> wire.Era:
    return "modern" if ctx.protocol_version == wire.MODERN else "legacy"


def context_of(ctx: Context) -> CallContext:
    meta: dict[str, Any] = dict(ctx.meta or {})
    return CallContext(
        traceparent=str(meta.get("traceparent", "") or _trace_header(ctx)),
        timeout=_read(meta, wire.TIMEOUT_META, wire.Seconds | None, None),
        hops=_read(meta, wire.HOPS_META, wire.Hops, 0),
        on_behalf_of=str(meta.get(wire.ON_BEHALF_META, "")),
    )


def _read(meta: Mapping[str, Any], key: str, kind: Any, default: Any) -> Any:
    """Raises MCPError: a cycle must not hide behind what is no number of gateways."""
    try:
        return msgspec.convert(meta.get(key, default), kind)
    except msgspec.ValidationError:
        raise as_mcp(InvalidRequest(f"_meta[{key!r}] is not a number that it may be.")) from None
