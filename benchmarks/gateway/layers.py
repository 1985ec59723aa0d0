"""The gateway with layers left out, made of the classes that `toolward up` is made of:
`python -m benchmarks.gateway.layers LAYER CONFIGURATION HOME`. Each layer has those before it. It prints its
address, and ends by SIGTERM."""

import json
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import msgspec

from gateway.backends.pool import Backends
from gateway.backends.timing import Timing
from gateway.bootstrap.runs import open_telemetry
from gateway.bootstrap.system import SystemClock, SystemIds
from gateway.config.parse import read_settings
from gateway.config.policies import load_policy
from gateway.config.settings import Settings
from gateway.core.catalog import build_catalog
from gateway.core.dispatch import Dispatch
from gateway.core.policy import Policy, PolicySource, bind, parse_policy
from gateway.core.ports import LedgerPort, Listing
from gateway.ledger.ledger import Ledger
from toolward.auth import Authenticate, bearer
from toolward.doors.address import allowed_names
from toolward.doors.entrance import Entrance
from toolward.doors.mcp_http import McpHttpDoor
from toolward.doors.running import run_loop
from toolward.doors.serve import http_server, until_stopped
from toolward.doors.terms import Terms
from toolward.types import (
    CallContext,
    Headers,
    Outcome,
    Principal,
    ServerInfo,
    ToolCall,
    ToolPage,
    ToolProvider,
)

LAYERS = ("pass-through", "authentication", "dispatch", "schema", "policy", "ledger", "telemetry")
WORDS = {
    "pass-through": "pass-through",
    "authentication": "+ authentication",
    "dispatch": "+ dispatch (one rule, arguments unchecked)",
    "schema": "+ schema",
    "policy": "+ policy (100 rules)",
    "ledger": "+ ledger",
    "telemetry": "+ metrics and sampled traces",
}

_PATIENT = Timing(connect=60)

ANYBODY = Principal("ada", ("support", "role-4", "role-7"), "acme")
_ONE_RULE = {"version": 1, "rules": [{"id": "all", "tools": ["*"], "effect": "allow"}]}


class PassThrough:
    """A call goes to its backend as it came: no catalog, no policy, no record."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends

    async def call_tool(self, principal: Principal, call: ToolCall, context: CallContext) -> Outcome:
        backend, _, name = call.name.partition(".")
        return await self._backends.call(
            backend, principal, msgspec.structs.replace(call, name=name), context
        )

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        return ToolPage(())

    async def watch(self) -> AsyncIterator[None]:
        return
        yield


class NoLedger:
    """Of the ledger's port what calls use that nobody is asked about."""

    async def intend(self, *told: Any, **more: Any) -> None: ...

    def settle(self, *told: Any) -> None: ...

    def refuse(self, *told: Any) -> None: ...


@asynccontextmanager
async def provider(layer: str, settings: Settings, home: Path) -> AsyncGenerator[ToolProvider]:
    async with AsyncExitStack() as stack:
        backends = await stack.enter_async_context(
            Backends(settings.backends, logs=home / "logs", timing=_PATIENT)
        )
        if not _has(layer, "dispatch"):
            yield PassThrough(backends)
            return
        ledger = cast(LedgerPort, NoLedger())
        if _has(layer, "ledger"):
            ledger = await stack.enter_async_context(Ledger.open(home / "ledger.db"))
        dispatch = Dispatch(backends, ledger, SystemClock(), SystemIds())
        listings = (
            backends.listings() if _has(layer, "schema") else tuple(map(_unchecked, backends.listings()))
        )
        catalog = build_catalog(listings, settings.facts)
        dispatch.replace(catalog, bind(_policy(layer, settings), catalog))
        yield dispatch


def _has(layer: str, part: str) -> bool:
    return LAYERS.index(layer) >= LAYERS.index(part)


def _unchecked(listing: Listing) -> Listing:
    tools = (msgspec.structs.replace(tool, input_schema={"type": "object"}) for tool in listing.tools)
    return msgspec.structs.replace(listing, tools=tuple(tools))


def _policy(layer: str, settings: Settings) -> Policy:
    if _has(layer, "policy"):
        return load_policy(settings.policies)
    return parse_policy([PolicySource("one.yaml", _ONE_RULE)])


def _authenticate(layer: str, settings: Settings) -> Authenticate:
    if _has(layer, "authentication"):
        known = {
            one.token: Principal(one.id, one.roles, one.tenant) for one in settings.principals if one.token
        }
        return bearer(known)

    def anybody(headers: Headers) -> Principal:
        return ANYBODY

    return anybody


async def serve(layer: str, settings: Settings, home: Path) -> None:
    stopped, info = until_stopped(), ServerInfo("toolward", "1")
    async with AsyncExitStack() as stack:
        tools = await stack.enter_async_context(provider(layer, settings, home))
        terms, authenticate = Terms(), _authenticate(layer, settings)
        if _has(layer, "telemetry"):
            telemetry = stack.enter_context(open_telemetry(info.name, os.environ))
            terms = Terms(Entrance(tracing=telemetry.tracing, beside=telemetry.metrics.all))
            tools = terms.entrance.to(tools, "http")
            authenticate = terms.entrance.counting(authenticate, "http")
        door = McpHttpDoor(tools, info, authenticate, allowed_names(settings.http), terms)
        port = await stack.enter_async_context(http_server(_only_mcp(door), settings.http, plain=door))
        stack.push_async_callback(door.aclose)
        print(json.dumps({"http": f"http://127.0.0.1:{port}"}), flush=True)
        await stopped.wait()


def _only_mcp(door: Any) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await door(scope, receive, send)

    return app


if __name__ == "__main__":
    _, asked, configuration, folder = sys.argv
    Path(folder).mkdir()
    run_loop(serve(asked, read_settings(Path(configuration)), Path(folder)))
