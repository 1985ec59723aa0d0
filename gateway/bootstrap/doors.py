"""The gateway's doors on sockets: HTTP (MCP, REST, probes) and gRPC."""

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from gateway.bootstrap.house import Gateway, beside
from gateway.bootstrap.identity import authentication, secret_file
from gateway.bootstrap.oversight import oversight_of
from gateway.bootstrap.peers import PeersInForce
from gateway.bootstrap.searching import over_http
from gateway.bootstrap.system import SystemClock
from gateway.config.settings import Settings
from gateway.core.scopes import within
from gateway.oversight.usage import count_ahead
from toolward.auth import Authenticate, local_secret
from toolward.doors.address import Address, allowed_names
from toolward.doors.entrance import Entrance
from toolward.doors.protected_resource import ProtectedResource
from toolward.doors.serve import Opened, http_server
from toolward.doors.terms import LAST_WORDS, Terms
from toolward.types import Principal


# Long because opening and closing are one story.
@asynccontextmanager
async def open_doors(gateway: Gateway, shared: Opened | None = None) -> AsyncGenerator[Opened, None]:
    """Serve over HTTP and gRPC at the configured addresses, or at the `shared` ones, where other workers of this
    gateway listen too. Raises ConfigurationError."""
    from toolward.doors.grpc import serve_grpc

    settings, telemetry, limits = gateway.settings, gateway.telemetry, gateway.settings.limits.of_doors
    at = shared or Opened(settings.http, settings.grpc)
    http, grpc_at = at.http or settings.http, at.grpc or settings.grpc
    entrance = Entrance(
        limits=limits,
        on_behalf=PeersInForce(lambda: gateway.settings),
        tracing=telemetry.tracing,
        beside=telemetry.metrics.all,
    )
    entrance.suspects.good({"authorization": f"Bearer {local_secret(secret_file(gateway.home))}"})
    terms = Terms(entrance, limits=limits, protected=_protected(gateway), shared=shared is not None)
    known = authentication(gateway)
    app, mcp = _over_http(gateway, terms, entrance.counting(known, "http"), http)
    async with (
        http_server(
            app,
            http,
            tls=settings.tls,
            limits=limits,
            drain=LAST_WORDS,
            plain=mcp,
            refused=partial(entrance.refused.add, "http"),
            shared=terms.shared,
        ) as port,
        serve_grpc(
            str(grpc_at),
            entrance.to(gateway.dispatch, "grpc"),
            entrance.counting(known, "grpc"),
            agents=entrance.to_agents(gateway.runs, "grpc"),
            name=gateway.info.name,
            grace=LAST_WORDS,
            limits=limits,
            tls=settings.tls,
            shared=terms.shared,
        ) as grpc,
        beside(count_ahead(gateway.ledger, _tenants(settings), SystemClock().now_ms)),
    ):
        terms.readiness.state = "ready"
        try:
            scheme = "http" if settings.tls is None else "https"
            yield Opened(http._replace(port=port), grpc_at._replace(port=grpc.port), scheme)
        finally:
            terms.readiness.state = "draining"
            await grpc.stop_serving()
            gateway.runs.stop_watching()  # else the doors would wait for runs to end
            await entrance.stop(gateway.info.name, settings.limits.drain)
            await mcp.aclose()


def _tenants(settings: Settings) -> tuple[str, ...]:
    """Of those who are configured."""
    return tuple(dict.fromkeys(one.tenant for one in settings.principals))


def _over_http(gateway: Gateway, terms: Terms, authenticate: Authenticate, at: Address) -> tuple[Any, Any]:
    """All that is served over HTTP, and of that the MCP door."""
    from gateway.bootstrap.console import make_console
    from gateway.servers.front import front
    from gateway.servers.rest import rest_app
    from toolward.doors.mcp_http import McpHttpDoor
    from toolward.doors.probes import Probes

    settings, info, entrance = gateway.settings, gateway.info, terms.entrance
    origins = allowed_names(settings.http, _names(settings.http, terms.protected))
    mcp = McpHttpDoor(over_http(gateway, entrance), info, authenticate, origins, terms)
    oversight = oversight_of(gateway)
    rest = rest_app(
        info,
        entrance.to(gateway.dispatch, "http"),
        entrance.to_agents(gateway.runs, "http"),
        authenticate,
        partial(_status, gateway),
        terms.challenge,
        oversight=oversight,
        max_body=terms.limits.body_bytes,
    )
    # Metrics name tools of every tenant and every backend.
    probes = Probes(
        terms, authenticate, origins, role="operator", may=lambda who: within(who, "backend.read")
    )
    console = make_console(
        gateway,
        entrance,
        authenticate,
        oversight,
        port=at.port,
        secure=settings.tls is not None,
        document=rest.openapi,
    )
    return front(mcp, rest, console, origins, probes), mcp


def _protected(gateway: Gateway) -> ProtectedResource | None:
    """What clients are told of where tokens come from, kept up to date."""
    if not gateway.settings.resource:
        return None
    told = ProtectedResource(gateway.settings.resource)

    def tell(*_: object) -> None:
        providers = gateway.settings.identity
        told.tell(
            (one.issuer for one in providers), (scope for one in providers for scope in one.scopes or ())
        )

    tell()
    gateway.reload.on_outcome(tell)
    return told


def _names(http: Address, protected: ProtectedResource | None) -> tuple[str, ...]:
    """For which hosts the door answers beside its own: one that answers for all is not to answer for fewer."""
    return () if protected is None or http.host in ("0.0.0.0", "::") else (protected.host,)  # noqa: S104


def _status(gateway: Gateway, principal: Principal) -> Mapping[str, Any]:
    """How the gateway is. It speaks of every backend, so it is for who may read each of them. Raises Denied."""
    for backend in ("*", *gateway.upkeep.in_force.catalog.backends):
        if denied := gateway.dispatch.authorize(principal, "backend.read", {"backend": backend}):
            raise denied
    return {
        **gateway.reload.status(),
        "keys": gateway.keys.status(),
        "reminders": gateway.reminders.status(),
        "process": os.getpid(),
    }
