"""Of what is at work: the gateway that runs here, or its tool servers started for this; models; the ledger."""

import os
import time
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from gateway.bootstrap.house import Gateway, ledger_file, open_gateway
from gateway.bootstrap.ledger import recorded_calls, verify_ledger
from gateway.bootstrap.models import find_local, open_models
from gateway.cli.checks.finding import Finding, failed
from gateway.cli.running import running
from gateway.cli.session import Common, loading
from gateway.cli.status import problems
from gateway.config.lockfile import lock_path
from gateway.config.secrets import as_written
from gateway.config.settings import Settings
from gateway.core.model_spec import ModelSpec
from toolward.errors import InvalidResult, ToolwardError, Unavailable
from toolward.outbound.pool import Pool
from toolward.outbound.reach import Reach

LARGE = 256 * 1024**2
"""Bytes of a ledger that is not verified here: that would take minutes."""

_REACH_SECONDS = 5.0
_AHEAD_MS = 60_000


async def of_gateway(settings: Settings, home: Path) -> tuple[dict[str, Any] | None, list[Finding]]:
    """What the running gateway says of itself; None where none runs."""
    async with running(settings, home) as gateway:
        try:
            status = await gateway.get("/v1/status")
        except Unavailable:
            return None, [Finding("gateway", "ok", "none runs now; start it: toolward up")]
        except InvalidResult as error:
            return None, [failed("gateway", error)]
        except ToolwardError as error:
            remedy = f"Stop what is at {gateway.address}, or give this one another address: http: in toolward.yaml."
            return {}, [failed("gateway", error, remedy)]
    found = [Finding("gateway", "ok", f"runs at {gateway.address}")]
    found += [Finding("gateway", "failed", one, "See: toolward status") for one in problems(status)]
    if status["restart_for"]:
        said = f"what changed of {', '.join(status['restart_for'])} is not in force"
        found.append(Finding("gateway", "warn", said, "Start it again."))
    return status, found


def of_running_backends(status: dict[str, Any]) -> Iterator[Finding]:
    for one in status.get("backends", ()):
        if not one["problem"]:  # those are told of the gateway
            yield _backend(one["name"], one["tools"], one["warning"])


async def of_own_backends(common: Common, home: Path) -> AsyncIterator[Finding]:
    """Every configured one, started for this where it is this gateway that starts it; nothing is pinned."""
    try:
        settings = loading(common, home, free_ports=True)()
        if not lock_path(settings.lock_file, home).exists() and settings.lock == "first-use":
            settings = msgspec.structs.replace(settings, lock="off")
        async with open_gateway(settings, home) as gateway:
            for one in _listed(gateway, home):
                yield one
    except ToolwardError as error:
        yield failed("backends", error)


def _listed(gateway: Gateway, home: Path) -> Iterator[Finding]:
    for one in gateway.backends.listings():
        if one.problem:
            remedy = "Mend it there, or in the configuration."
            log = home / "logs" / f"{one.backend}.log"
            if log.exists() and log.stat().st_size:
                remedy += f" See what it wrote: toolward backend logs {one.backend}"
            yield Finding("backends", "failed", f"{one.backend}: {one.problem}", remedy)
        else:
            yield _backend(one.backend, len(one.tools), one.warning)
    for said in gateway.dispatch.policy.problems:
        yield Finding("policy", "failed", said, "toolward policy check")
    if held := len(gateway.dispatch.catalog.withheld):
        said = f"{held} tools are withheld: they differ from tools.lock"
        yield Finding("backends", "warn", said, "toolward tool review")


async def of_models(settings: Settings, *, offline: bool) -> AsyncIterator[Finding]:
    """Whether each can be reached; none is asked anything, which would cost."""
    async with open_models(settings.models, os.environ) as models:
        made = [models.made(name) for name in models.names]
        if models.is_offline:
            near = () if offline else await find_local()
            offer = "".join(
                f" {one.name} answers here: TOOLWARD_MODEL_URL={one.base_url} TOOLWARD_MODEL_NAME={one.model}"
                for one in near
            )
            said = "what answers is a stand-in, which understands no language"
            yield Finding("models", "warn", said, f"Name one under models: in toolward.yaml.{offer}")
        for one in made:
            if one.spec.wire != "offline":
                yield await _reached(one.spec, offline=offline)


async def _reached(spec: ModelSpec, *, offline: bool) -> Finding:
    what = f"{spec.name} ({as_written(spec.model)} at {as_written(spec.base_url)})"
    if offline:
        return Finding("models", "skipped", what)
    try:
        async with Pool(
            str(spec.base_url), connect_timeout=_REACH_SECONDS, reach=Reach(spec.networks)
        ) as pool:
            await pool.request("GET", "/", timeout=_REACH_SECONDS)
    except ToolwardError as error:
        return Finding(
            "models", "failed", f"{what}: {error.message}", error.hint or "Check base_url and the network."
        )
    return Finding("models", "ok", f"{what} can be reached; toolward model check {spec.name} asks it")


def of_ledger(settings: Settings, home: Path) -> Iterator[Finding]:
    """Whether it can be read, is as it was written, and is of no time to come."""
    file = ledger_file(home)
    if not file.exists():
        yield Finding("ledger", "ok", "there is none yet: the first call makes it")
        return
    size = file.stat().st_size
    try:
        newest = next(islice(recorded_calls(file, payloads=False), 1), None)
        if newest is not None and newest.record.at > time.time() * 1000 + _AHEAD_MS:
            yield Finding(
                "clock",
                "failed",
                "the newest call on record is of a time to come",
                "Set this computer's clock.",
            )
        if size > LARGE:
            yield Finding(
                "ledger", "ok", f"{size / 1024**2:,.0f} MiB; too large to verify here: toolward ledger verify"
            )
            return
        checked = verify_ledger(settings, home, lambda _: None)
    except ToolwardError as error:
        yield failed("ledger", error)
        return
    said = f"{checked.entries:,} entries, {size / 1024**2:.1f} MiB"
    if checked.is_whole:
        yield Finding("ledger", "ok", f"whole: {said}")
    else:
        first = checked.findings[0]
        yield Finding(
            "ledger",
            "failed",
            f"NOT whole, the first break at {first.where}: {first.what}",
            "See all with toolward ledger verify; keep the file, and find out who wrote to it.",
        )


def _backend(name: str, tools: int, warning: str) -> Finding:
    said = f"{name} answers, with {tools} tools"
    if warning:
        return Finding("backends", "warn", f"{said}: {warning}", "Mend it on the server's side.")
    return Finding("backends", "ok", said)
