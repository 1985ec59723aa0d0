"""The only place that constructs things: settings in, a running gateway out."""

import os
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from gateway.agent.definition import AgentDefinition
from gateway.backends.pool import Backends
from gateway.bootstrap.models import Models, open_models
from gateway.bootstrap.system import SystemClock, SystemIds
from gateway.config.agents import load_agents
from gateway.config.find import make_home
from gateway.config.policies import load_policy
from gateway.config.settings import Settings
from gateway.core.catalog import UNKNOWN, ToolFacts, build_catalog
from gateway.core.dispatch import Dispatch
from gateway.core.policy import Policy, bind
from gateway.ledger.ledger import Ledger
from gateway.runs.runner import Runs
from gateway.runs.worker import OfferedTool
from toolward.auth import Authenticate, bearer, local_secret
from toolward.doors.address import allowed_names
from toolward.doors.entrance import Entrance
from toolward.doors.serve import Opened, http_server
from toolward.doors.terms import Terms
from toolward.telemetry.tracing import Tracing, open_tracing
from toolward.types import Principal, RunScope, ServerInfo

INSTRUCTIONS = "Tools of several servers behind one policy. Denials name the rule that decided."


class Gateway(NamedTuple):
    """A running gateway without doors."""

    settings: Settings
    home: Path
    info: ServerInfo
    policy: Policy
    backends: Backends
    dispatch: Dispatch
    runs: Runs
    ledger: Ledger
    models: Models
    tracing: Tracing | None


@asynccontextmanager
async def open_gateway(
    settings: Settings,
    home: Path,
    *,
    environment: Mapping[str, str] = os.environ,
) -> AsyncGenerator[Gateway, None]:
    """Start the configured servers, discover their tools, open the ledger. Raises ConfigurationError.

    A backend that does not answer is told in its listing and tried again; it stops nothing.
    """
    policy = load_policy(settings.policies)
    agents = {agent.name: agent for agent in load_agents(settings.agents)}
    make_home(home)
    clock, ids = SystemClock(), SystemIds()
    async with (
        Ledger.open(ledger_file(home), checkpoints=settings.checkpoints) as ledger,
        open_models(settings.models, environment) as models,
        Backends(settings.backends, logs=home / "logs") as backends,
    ):
        dispatch = Dispatch(backends, ledger, clock, ids)

        def rebuild() -> None:
            catalog = build_catalog(backends.listings(), settings.facts, settings.trusted_annotations)
            dispatch.replace(catalog, bind(policy, catalog))

        rebuild()
        backends.on_change(rebuild)
        runs = Runs(
            agents=agents,
            ledger=ledger,
            dispatch=dispatch,
            models=models.for_agent,
            tools_for=lambda principal, agent: tuple(_offered(dispatch, principal, agent)),
            facts=lambda name: _facts(dispatch, name),
            clock=clock,
            ids=ids,
        )
        info = ServerInfo("toolward", version("toolward"), "Toolward gateway", INSTRUCTIONS)
        async with runs:
            with open_tracing(info.name, environment) as tracing:
                yield Gateway(settings, home, info, policy, backends, dispatch, runs, ledger, models, tracing)


@asynccontextmanager
async def open_doors(gateway: Gateway) -> AsyncGenerator[Opened, None]:
    """Serve over HTTP and gRPC at the configured addresses. Raises ConfigurationError."""
    from gateway.servers.front import front
    from gateway.servers.rest import rest_app
    from toolward.doors.grpc import serve_grpc
    from toolward.doors.mcp_http import McpHttpDoor
    from toolward.doors.probes import Probes

    settings, info, terms = gateway.settings, gateway.info, Terms(Entrance(tracing=gateway.tracing))
    authenticate = terms.entrance.counting(_authentication(gateway), "http")
    origins = allowed_names(settings.http)
    tools = terms.entrance.to(gateway.dispatch, "http")
    mcp = McpHttpDoor(tools, info, authenticate, origins, terms)
    rest = rest_app(info, tools, gateway.runs, authenticate)
    probes = Probes(terms, authenticate, origins, role="operator")  # they name tools of every tenant
    async with (
        http_server(front(mcp, rest, origins, probes), settings.http) as port,
        serve_grpc(
            str(settings.grpc),
            terms.entrance.to(gateway.dispatch, "grpc"),
            terms.entrance.counting(_authentication(gateway), "grpc"),
            agents=gateway.runs,
            name=info.name,
        ) as grpc,
    ):
        terms.readiness.state = "ready"
        try:
            yield Opened(settings.http._replace(port=port), settings.grpc._replace(port=grpc.port))
        finally:
            terms.readiness.state = "draining"
            await mcp.aclose()


def ledger_file(home: Path) -> Path:
    return home / "ledger.db"


def secret_file(home: Path) -> Path:
    """Where the local person's secret lies; only they can read it."""
    return home / "secret"


def local_person(settings: Settings) -> Principal:
    """Who the person at this computer is: the first configured principal without a token of its own. Raises
    IndexError only where the configuration names nobody, which it refuses."""
    alone = [one for one in settings.principals if not one.token] or list(settings.principals)
    return Principal(alone[0].id, alone[0].roles, alone[0].tenant)


def _authentication(gateway: Gateway) -> Authenticate:
    tokens = {local_secret(secret_file(gateway.home)): local_person(gateway.settings)}
    for one in gateway.settings.principals:
        if one.token:
            tokens[one.token] = Principal(one.id, one.roles, one.tenant)
    return bearer(tokens)


def _offered(dispatch: Dispatch, principal: Principal, agent: AgentDefinition) -> Iterator[OfferedTool]:
    scope = RunScope("", agent.name, agent.tools)
    for entry in dispatch.visible(principal, scope):
        yield entry.alias, entry.name, entry.tool


def _facts(dispatch: Dispatch, name: str) -> ToolFacts:
    entry = dispatch.catalog.find(name)
    return UNKNOWN if entry is None else entry.facts


__all__: Sequence[str] = (
    "Gateway",
    "ledger_file",
    "local_person",
    "open_doors",
    "open_gateway",
    "secret_file",
)
