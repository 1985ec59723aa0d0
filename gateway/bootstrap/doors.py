"""The gateway's doors on sockets: HTTP (MCP, REST, probes) and gRPC."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from gateway.bootstrap.house import Gateway
from gateway.bootstrap.identity import authentication
from gateway.core.scopes import within
from toolward.doors.address import allowed_names
from toolward.doors.entrance import Entrance
from toolward.doors.serve import Opened, http_server
from toolward.doors.terms import Terms
from toolward.types import Principal


@asynccontextmanager
async def open_doors(gateway: Gateway) -> AsyncGenerator[Opened, None]:
    """Serve over HTTP and gRPC at the configured addresses. Raises ConfigurationError."""
    from gateway.servers.front import front
    from gateway.servers.rest import rest_app
    from toolward.doors.grpc import serve_grpc
    from toolward.doors.mcp_http import McpHttpDoor
    from toolward.doors.probes import Probes

    settings, info, telemetry = gateway.settings, gateway.info, gateway.telemetry
    terms = Terms(Entrance(tracing=telemetry.tracing, beside=telemetry.metrics.all))
    authenticate = terms.entrance.counting(authentication(gateway), "http")
    origins = allowed_names(settings.http)
    tools = terms.entrance.to(gateway.dispatch, "http")
    mcp = McpHttpDoor(tools, info, authenticate, origins, terms)
    rest = rest_app(info, tools, gateway.runs, authenticate, partial(_status, gateway))
    # Metrics name tools of every tenant and every backend.
    probes = Probes(
        terms, authenticate, origins, role="operator", may=lambda who: within(who, "backend.read")
    )
    async with (
        http_server(front(mcp, rest, origins, probes), settings.http, plain=mcp) as port,
        serve_grpc(
            str(settings.grpc),
            terms.entrance.to(gateway.dispatch, "grpc"),
            terms.entrance.counting(authentication(gateway), "grpc"),
            agents=gateway.runs,
            name=info.name,
        ) as grpc,
    ):
        terms.readiness.state = "ready"
        try:
            yield Opened(settings.http._replace(port=port), settings.grpc._replace(port=grpc.port))
        finally:
            terms.readiness.state = "draining"
            gateway.runs.stop_watching()  # else the doors would wait for runs to end
            await mcp.aclose()


def _status(gateway: Gateway, principal: Principal) -> Mapping[str, Any]:
    """How the gateway is. It speaks of every backend, so it is for who may read each of them. Raises Denied."""
    for backend in ("*", *gateway.upkeep.in_force.catalog.backends):
        if denied := gateway.dispatch.authorize(principal, "backend.read", {"backend": backend}):
            raise denied
    return {**gateway.reload.status(), "keys": gateway.keys.status(), "reminders": gateway.reminders.status()}
