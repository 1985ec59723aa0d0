"""MCP's resources, prompts and subscriptions, on the SDK's server."""

import asyncio
from collections.abc import Callable
from typing import Any

import mcp_types
import msgspec
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY

from toolward.doors.mcp_sdk import Context, SdkServer, as_mcp, context_of, era_of, mapped
from toolward.doors.plain_changes import until
from toolward.errors import NotFound, ToolwardError
from toolward.offers import PromptProvider, ResourceProvider
from toolward.types import JsonObject, ToolProvider
from toolward.wire.errors import to_jsonrpc

Paginated = mcp_types.PaginatedRequestParams

FRESHNESS: JsonObject = {"ttlMs": 0, "cacheScope": "private"}
"""Nothing here may be kept: what is seen depends on who asks, and may change."""


def add_offers(server: SdkServer) -> None:
    """The methods of what the provider offers; a method of what it does not offer stays unknown."""
    if (resources := server.offers.resources) is not None:
        _add_resources(server, resources)
    if (prompts := server.offers.prompts) is not None:
        _add_prompts(server, prompts)


def _add_resources(server: SdkServer, resources: ResourceProvider) -> None:
    async def list_resources(ctx: Context, params: Paginated) -> JsonObject:
        page = await mapped(resources.list_resources(server.principal_of(ctx), params.cursor))
        return _listed(ctx, "resources", page.resources, page.next_cursor)

    async def list_templates(ctx: Context, params: Paginated) -> JsonObject:
        page = await mapped(resources.list_templates(server.principal_of(ctx), params.cursor))
        return _listed(ctx, "resourceTemplates", page.templates, page.next_cursor)

    async def read(ctx: Context, params: mcp_types.ReadResourceRequestParams) -> JsonObject:
        uri = str(params.uri)
        try:
            bodies = await resources.read_resource(server.principal_of(ctx), uri, context_of(ctx))
        except NotFound as error:
            told = to_jsonrpc(error)
            raise MCPError(**(told | {"data": told["data"] | {"uri": uri}})) from None
        except ToolwardError as error:
            raise as_mcp(error) from None
        return {"contents": msgspec.to_builtins(bodies), **_modern(ctx, **FRESHNESS)}

    server.add_request_handler("resources/list", Paginated, list_resources)
    server.add_request_handler("resources/templates/list", Paginated, list_templates)
    server.add_request_handler("resources/read", mcp_types.ReadResourceRequestParams, read)


def _add_prompts(server: SdkServer, prompts: PromptProvider) -> None:
    async def list_prompts(ctx: Context, params: Paginated) -> JsonObject:
        page = await mapped(prompts.list_prompts(server.principal_of(ctx), params.cursor))
        return _listed(ctx, "prompts", page.prompts, page.next_cursor)

    async def get(ctx: Context, params: mcp_types.GetPromptRequestParams) -> JsonObject:
        filled = await mapped(
            prompts.get_prompt(server.principal_of(ctx), params.name, params.arguments or {}, context_of(ctx))
        )
        found: JsonObject = {"messages": msgspec.to_builtins(filled.messages), **_modern(ctx)}
        return found | ({"description": filled.description} if filled.description else {})

    server.add_request_handler("prompts/list", Paginated, list_prompts)
    server.add_request_handler("prompts/get", mcp_types.GetPromptRequestParams, get)


def _listed(ctx: Context, name: str, entries: tuple[Any, ...], cursor: str | None) -> JsonObject:
    found: JsonObject = {name: msgspec.to_builtins(entries), **_modern(ctx, **FRESHNESS)}
    return found | ({"nextCursor": cursor} if cursor is not None else {})


def _modern(ctx: Context, **members: Any) -> JsonObject:
    """What only results of 2026-07-28 have."""
    return {"resultType": "complete", **members} if era_of(ctx) == "modern" else {}


# --- changes -------------------------------------------------------------------------------------------


_LISTS = {
    "tools_list_changed": mcp_types.ToolListChangedNotification,
    "resources_list_changed": mcp_types.ResourceListChangedNotification,
    "prompts_list_changed": mcp_types.PromptListChangedNotification,
}


def add_subscriptions(server: SdkServer, provider: ToolProvider, closing: asyncio.Event) -> None:
    """`subscriptions/listen` of 2026-07-28: to the lists that the provider's `watch` speaks of, and the
    acknowledgement says which. Streams end with a result when `closing` is set."""

    async def listen(
        ctx: Context, params: mcp_types.SubscriptionsListenRequestParams
    ) -> mcp_types.SubscriptionsListenResult:
        meta: Any = {SUBSCRIPTION_ID_META_KEY: ctx.request_id}
        asked, changing = params.notifications, server.offers.changing or None
        told = mcp_types.SubscriptionFilter(
            tools_list_changed=asked.tools_list_changed or None,
            resources_list_changed=changing and (asked.resources_list_changed or None),
            prompts_list_changed=changing and (asked.prompts_list_changed or None),
        )
        kinds = [kind for name, kind in _LISTS.items() if getattr(told, name)]
        changes = provider.watch()  # before the acknowledgement: what changes after that is told
        acknowledged = mcp_types.SubscriptionsAcknowledgedNotificationParams(notifications=told, _meta=meta)
        await ctx.session.send_notification(
            mcp_types.SubscriptionsAcknowledgedNotification(params=acknowledged),
            related_request_id=ctx.request_id,
        )

        async def tell() -> None:
            async for _ in changes:
                for kind in kinds:
                    changed = kind(params=mcp_types.NotificationParams(_meta=meta))
                    await ctx.session.send_notification(changed, related_request_id=ctx.request_id)

        await until(closing, tell if kinds else None)
        return mcp_types.SubscriptionsListenResult(_meta=meta)

    server.add_request_handler("subscriptions/listen", mcp_types.SubscriptionsListenRequestParams, listen)


def add_session_changes(server: SdkServer, provider: ToolProvider, ended: Callable[[Context], None]) -> None:
    """`notifications/tools/list_changed`, and of the other lists that change, to a client that has a session;
    `ended` is called at its end. The SDK runs this beside the session and stops it with that."""

    async def initialized(ctx: Context, params: mcp_types.NotificationParams) -> None:
        try:
            async for _ in provider.watch():
                await ctx.session.send_tool_list_changed()
                if server.offers.changing:
                    await ctx.session.send_resource_list_changed()
                    await ctx.session.send_prompt_list_changed()
        finally:
            ended(ctx)

    server.add_notification_handler("notifications/initialized", mcp_types.NotificationParams, initialized)


def add_log_level(server: SdkServer, keep: Callable[[Context, Any], None]) -> None:
    """The handshake eras' `logging/setLevel`."""

    async def set_level(ctx: Context, params: mcp_types.SetLevelRequestParams) -> mcp_types.EmptyResult:
        keep(ctx, params.level)
        return mcp_types.EmptyResult()

    server.add_request_handler("logging/setLevel", mcp_types.SetLevelRequestParams, set_level)
