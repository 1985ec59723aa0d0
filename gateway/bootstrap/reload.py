"""Configuration, policy and agents of a running gateway: read again when their files change, and put in force whole
or not at all.

Files are looked at by name, once in a while and off the event loop: editors replace files by renaming, and config
maps by switching a symbolic link, so what counts is what lies under the name. What changes is decided by what the
files say, not by when they were written.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from gateway.agent.definition import AgentDefinition
from gateway.backends.pool import Backends
from gateway.bootstrap.models import Models
from gateway.bootstrap.owned import Reached, as_configured
from gateway.bootstrap.upkeep import Upkeep
from gateway.config.agents import load_agents
from gateway.config.difference import difference
from gateway.config.policies import load_policy
from gateway.config.settings import Settings
from gateway.config.whole_files import stamp
from gateway.core.digests import SHORT
from gateway.core.policy import Policy
from toolward.errors import ConfigurationError

log = logging.getLogger(__name__)

Load = Callable[[], Settings]
"""Reads the configuration anew. Raises ConfigurationError."""

INTERVAL = 0.5
"""Seconds between two looks at the files; what changes must look the same twice before it is read."""

_AGAIN = 5.0
_Stamps = Mapping[Path, tuple[int, ...] | None]


class InForce(NamedTuple):
    """Everything that a gateway takes from files, read together. `beside` are files that agents name."""

    settings: Settings
    policy: Policy
    agents: Mapping[str, AgentDefinition]
    beside: tuple[Path, ...] = ()


def read(settings: Settings) -> InForce:
    """With the files that the settings name. Raises ConfigurationError."""
    beside: list[Path] = []
    agents = {agent.name: agent for agent in load_agents(settings.agents, settings.endpoints, beside)}
    return InForce(settings, load_policy(settings.policies), agents, tuple(beside))


class Reload:
    """What is in force, and how it changes. `now` and `agents` are always of one reading. Without `load` nothing is
    read again."""

    def __init__(
        self, settings: Settings, load: Load | None = None, reached: Reached = as_configured
    ) -> None:
        """`reached` says how the configured backends are reached from here. Raises ConfigurationError."""
        self._reached = reached
        self.now = read(settings)
        self.agents = dict(self.now.agents)
        """Kept up to date in place."""
        self.problem = ""
        """Why what the files say now is not in force; empty where it is."""
        self.restart: tuple[str, ...] = ()
        """Settings that have changed since the start, and wait for the next one."""
        self._load = load
        self._start = settings
        self._tell: list[Callable[[str, bool], None]] = []
        self._nudge = asyncio.Event()

    def rule(self, backends: Backends, upkeep: Upkeep, models: Models) -> None:
        """From now on what is in force is what backends and models are, and what `upkeep` makes the catalog
        and the policy of."""
        self._backends, self._upkeep, self._models = backends, upkeep, models

    def on_outcome(self, tell: Callable[[str, bool], None]) -> None:
        """`tell` is called after each reading that changed something or failed, with what is to be said of it and
        whether it failed."""
        self._tell.append(tell)

    def nudge(self) -> None:
        """Read again now, for example because of a signal."""
        self._nudge.set()

    def status(self) -> dict[str, Any]:
        """As JSON, for operators."""
        settings, in_force = self.now.settings, self._upkeep.in_force
        catalog, bound = in_force.catalog, in_force.policy
        warnings = {one.backend: one.warning for one in self._backends.listings()}
        backends = [
            {
                "name": one.name,
                "transport": one.transport,
                "problem": one.problem,
                "warning": warnings.get(one.name, ""),
                "tools": len(one.tools),
            }
            for one in catalog.backends.values()
            if not one.is_ours
        ]
        return {
            "configuration": settings.source,
            "problem": self.problem,
            "restart_for": self.restart,
            "notes": settings.notes,
            "policy": {"version": bound.version, "problems": bound.problems, "warnings": bound.warnings},
            "catalog": {"problems": catalog.problems},
            "backends": backends,
            "models": self._models.status(),
        }

    @asynccontextmanager
    async def watching(self, interval: float = INTERVAL) -> AsyncGenerator[None, None]:
        """While this is open, what changes is read again."""
        if self._load is None:
            yield
            return
        watcher = asyncio.create_task(self._watch(self._load, interval), name="reload")
        try:
            yield
        finally:
            watcher.cancel()
            await asyncio.wait({watcher})

    async def _watch(self, load: Load, interval: float) -> None:
        seen: _Stamps | None = None  # nothing: what was read before the first look is read again
        last: _Stamps | None = None
        tried = _now()
        while True:
            nudged = await self._rest(interval)
            stamps = await asyncio.to_thread(_stamps, self._watched())
            settled = stamps == last or last is None
            last = stamps
            again = (
                bool(self.problem) and _now() - tried > _AGAIN
            )  # what mends it may be a file of a new name
            if nudged or again or (settled and stamps != seen):
                seen, tried = stamps, _now()
                await self._again(load, nudged=nudged)

    async def _rest(self, seconds: float) -> bool:
        """Whether somebody wanted it at once."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._nudge.wait()
        nudged = self._nudge.is_set()
        self._nudge.clear()
        return nudged

    def _watched(self) -> tuple[Path, ...]:
        settings = self.now.settings
        return (*settings.watched, *settings.policies, *settings.agents, *self.now.beside)

    async def _again(self, load: Load, *, nudged: bool) -> None:
        try:
            found = await asyncio.to_thread(lambda: read(load()))
            await self._apply(found, nudged=nudged)
        except ConfigurationError as error:
            self._keep(error.text, nudged=nudged)
        except Exception:  # a bug of ours must not be the last reading
            log.exception("reading the configuration failed inside")
            self._keep("An error of ours; the log has it.", nudged=nudged)

    def _keep(self, problem: str, *, nudged: bool) -> None:
        if problem == self.problem and not nudged:
            return
        self.problem = problem
        said = f"What the configuration says now is not in force; what it said before still is.\n{problem}"
        log.error(said)
        self._say(said, failed=True)

    async def _apply(self, found: InForce, *, nudged: bool) -> None:
        before, problem, flaws = self.now, self.problem, self._upkeep.in_force.policy.problems
        self.problem = ""
        if _same(found, before):
            if problem or nudged:
                self._say("Nothing has changed." if nudged else "The configuration is as it was in force.")
            return
        try:
            backends = self._reached(found.settings.backends)
            models = await self._models.prepare(found.settings.models)
            self._upkeep.use(found.settings, found.policy)
        except ConfigurationError as error:  # of a backend that is not ours to start, an endpoint, tools.lock
            self._keep(error.text, nudged=nudged)
            return
        self._models.use(models)
        self.now = found
        self.agents.clear()
        self.agents.update(found.agents)
        waiting, self.restart = self.restart, difference(self._start, found.settings).restart
        await self._backends.change(backends)
        await self._upkeep.renewed()
        for note in (*found.settings.notes, *self._upkeep.in_force.policy.problems):
            if note not in before.settings.notes and note not in flaws:
                log.error(note)
        said = _said(before, found)
        if self.restart != waiting and self.restart:
            log.warning("Changed, and only in force after a restart: %s.", ", ".join(self.restart))
            said += f"; only after a restart: {', '.join(self.restart)}"
        self._say(f"Now in force: {said}")

    def _say(self, said: str, *, failed: bool = False) -> None:
        for tell in self._tell:
            tell(said, failed)


def _same(one: InForce, other: InForce) -> bool:
    return (
        one.settings == other.settings
        and one.agents == other.agents
        and one.policy.digest == other.policy.digest
        and [(rule.file, rule.lines) for rule in one.policy.rules]
        == [(rule.file, rule.lines) for rule in other.policy.rules]
    )


def _said(before: InForce, after: InForce) -> str:
    """What is new, in one line."""
    parts = [difference(before.settings, after.settings).said]
    if before.policy.digest != after.policy.digest:
        parts.append(f"policy {after.policy.digest[:SHORT]} ({len(after.policy.rules)} rules)")
    if before.agents != after.agents:
        parts.append(f"agents ({', '.join(after.agents) or 'none'})")
    return "; ".join(part for part in parts if part) or "the configuration, with nothing new in it"


def _stamps(paths: Iterable[Path]) -> _Stamps:
    return {path: stamp(path) for path in paths}


def _now() -> float:
    return asyncio.get_running_loop().time()
