"""The SDK's Streamable HTTP applications behind the HTTP door: one without sessions, one with."""

import asyncio
from collections.abc import AsyncGenerator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.transport_security import TransportSecuritySettings

from toolward.doors.mcp_offers import add_log_level, add_offers, add_session_changes, add_subscriptions
from toolward.doors.mcp_sdk import Context, SdkServer, Transport
from toolward.types import LogLevel, Principal, ServerInfo, ToolProvider

PRINCIPAL_KEY, ARGUMENTS_KEY = "toolward.principal", "toolward.arguments"
"""Where the door leaves the proven principal, and a call's arguments as they came, in the ASGI scope."""

SESSION_IDLE = 30 * 60.0  # seconds after which an unused session ends
MAX_SESSIONS = 1000


class Apps(NamedTuple):
    """`plain` serves 2026-07-28 and clients without a session, `sessions` those that have one."""

    plain: Any
    sessions: Any


@asynccontextmanager
async def http_apps(
    provider: ToolProvider,
    info: ServerInfo,
    max_body: int,
    closing: asyncio.Event,
) -> AsyncGenerator[Apps, None]:
    """The applications, running: in SSE mode, which answers as JSON where nothing is to be told meanwhile.

    Hosts, origins and callers were checked before them; `closing` ends open streams.
    """
    levels: dict[str, LogLevel] = {}  # of sessions that asked for one
    plain = SdkServer(provider, info, _transport(has_channel=False, levels=levels))
    sessions = SdkServer(provider, info, _transport(has_channel=True, levels=levels))
    for server in (plain, sessions):
        add_offers(server)
        add_subscriptions(server, provider, closing)
    add_session_changes(sessions, provider, lambda ctx: _forget(levels, ctx))
    add_log_level(sessions, lambda ctx, level: levels.__setitem__(_session(ctx), level))
    settings = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    apps = Apps(
        plain.streamable_http_app(
            stateless_http=True, max_request_body_size=max_body, transport_security=settings
        ),
        sessions.streamable_http_app(
            max_request_body_size=max_body,
            transport_security=settings,
            session_idle_timeout=SESSION_IDLE,
            max_sessions=MAX_SESSIONS,
        ),
    )
    async with plain.session_manager.run(), sessions.session_manager.run():
        yield apps


def scope_for(
    scope: MutableMapping[str, Any], principal: Principal, arguments: bytes | None
) -> dict[str, Any]:
    """The scope as the applications want it. The SDK lets only its own kind of user into the session that they
    opened, so the principal is one, with what it is narrowed to."""
    client = msgspec.json.encode((principal.tenant, principal.api_key, principal.scopes)).decode()
    token = AccessToken(token="", client_id=client, subject=principal.id, scopes=[])
    headers = [(name, value.strip(b" \t")) for name, value in scope["headers"]]  # uvicorn leaves blanks there
    extra = {PRINCIPAL_KEY: principal, ARGUMENTS_KEY: arguments, "user": AuthenticatedUser(token)}
    return {**scope, "path": "/mcp", "raw_path": b"/mcp", "headers": headers, **extra}


def _transport(*, has_channel: bool, levels: dict[str, LogLevel]) -> Transport:
    def least_of(ctx: Context) -> LogLevel | None:
        return levels.get(_session(ctx), "info") if has_channel else None

    return Transport(
        principal_of=lambda ctx: _scope(ctx)[PRINCIPAL_KEY],
        arguments_of=lambda ctx: _scope(ctx)[ARGUMENTS_KEY],
        least_of=least_of,
        has_channel=has_channel,
    )


def _scope(ctx: Context) -> Any:
    request: Any = ctx.request  # starlette's, on this transport
    return request.scope


def _session(ctx: Context) -> str:
    request: Any = ctx.request
    return str(request.headers.get("mcp-session-id", ""))


def _forget(levels: dict[str, LogLevel], ctx: Context) -> None:
    levels.pop(_session(ctx), None)
