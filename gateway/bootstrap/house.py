"""A gateway without doors: what it is made of, and how that is opened and closed."""

import asyncio
import logging
import os
import random
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from gateway.backends.pool import Backends
from gateway.bootstrap.identity import state_key
from gateway.bootstrap.keys import Keys
from gateway.bootstrap.models import Models, open_models
from gateway.bootstrap.owned import Reached, as_configured
from gateway.bootstrap.reload import Load, Reload
from gateway.bootstrap.runs import make_runs, open_telemetry
from gateway.bootstrap.system import SystemClock, SystemIds
from gateway.bootstrap.upkeep import Upkeep
from gateway.config.find import make_home
from gateway.config.settings import Settings
from gateway.core import agent_tools, people
from gateway.core.dispatch import Dispatch
from gateway.core.policy import Policy
from gateway.core.ports import Listing
from gateway.ledger.ledger import Ledger
from gateway.ledger.retention import keep_erasing
from gateway.runs.agent_tools import AgentTools, WithAgents
from gateway.runs.presence import present
from gateway.runs.reminders import Reminders
from gateway.runs.runner import Runs
from gateway.runs.telemetry import RunTelemetry
from gateway.runs.webhook import Webhooks
from toolward.auth.subject_tokens import SubjectTokens
from toolward.errors import ToolwardError
from toolward.types import ServerInfo

log = logging.getLogger(__name__)

EXPIRY_CHECK = 30.0
"""Seconds between two looks for input requests whose time is over."""

REMINDER_CHECK = 30.0
"""Seconds between two looks for reminders that are due."""

INSTRUCTIONS = "Tools of several servers behind one policy. Denials name the rule that decided."


def ledger_file(home: Path) -> Path:
    return home / "ledger.db"


class Gateway(NamedTuple):
    """A running gateway without doors."""

    home: Path
    info: ServerInfo
    reload: Reload
    backends: Backends
    dispatch: Dispatch
    upkeep: Upkeep
    runs: Runs
    ledger: Ledger
    models: Models
    reminders: Reminders
    telemetry: RunTelemetry
    subjects: SubjectTokens
    """By which tokens of an identity provider callers proved themselves, for backends that are called in their
    names: whoever verifies such tokens tells it (`keep`)."""
    keys: Keys

    @property
    def settings(self) -> Settings:
        """Those in force now."""
        return self.reload.now.settings

    @property
    def policy(self) -> Policy:
        """The one in force now."""
        return self.reload.now.policy

    async def take_up_runs(self) -> None:
        """Go on with unfinished runs, once every backend has answered or failed: a run that finds a tool missing
        goes another way than it would have gone."""
        for backend in self.dispatch.catalog.backends:
            await self.backends.answered(backend)
        await self.upkeep.renewed()
        try:
            await self.runs.resume_unfinished()
        except ToolwardError as error:
            log.error("unfinished runs were not taken up: %s", error.text)


# Long because it is one list of what a gateway is made of, in the order in which each needs what stands before it.
@asynccontextmanager
async def open_gateway(
    settings: Settings,
    home: Path,
    *,
    load: Load | None = None,
    environment: Mapping[str, str] = os.environ,
    patient: bool = True,
    reached: Reached = as_configured,
) -> AsyncGenerator[Gateway, None]:
    """Start the configured servers, discover their tools, open the ledger. Raises ConfigurationError.

    A backend that does not answer is told in its listing and tried again; it stops nothing. `patient`: each has its
    time to answer before this is open; otherwise a slow one joins later. With `load`, which reads the settings
    anew, what changes in their files takes effect while this is open. `reached` says how backends are reached where
    it is not this process that starts them.
    """
    reload = Reload(settings, load, reached)
    make_home(home)
    keys = Keys(home)
    clock, ids = SystemClock(), SystemIds()
    subjects = SubjectTokens()
    info = ServerInfo("toolward", version("toolward"), "Toolward gateway", INSTRUCTIONS)
    async with (
        AsyncExitStack() as stack,
        present(home / "gateways") as presence,
        Ledger.open(ledger_file(home), checkpoints=settings.checkpoints) as ledger,
        open_models(settings.models, environment) as models,
        Webhooks() as webhooks,
        Backends(
            reached(settings.backends), logs=home / "logs", patient=patient, subjects=subjects
        ) as backends,
    ):
        telemetry = stack.enter_context(open_telemetry(info.name, environment))
        backends_and_agents = WithAgents(backends)
        dispatch = Dispatch(
            backends_and_agents, ledger, clock, ids, draw=random.random, state_key=state_key(home)
        )
        await dispatch.recall()
        upkeep = Upkeep(
            dispatch,
            lambda: (*backends.listings(), people.LISTING, _agents(reload)),
            settings,
            reload.now.policy,
            home,
        )
        backends.on_change(upkeep.wake)
        reload.rule(backends, upkeep, models)
        runs = make_runs(dispatch, ledger, models, reload, keys, presence, clock, ids, telemetry)
        keys.on_change(runs.recheck)
        reminders = Reminders(lambda: reload.now.settings.reminders, ledger, webhooks, clock)
        async with (
            upkeep,
            runs,
            AgentTools(runs) as agents,
            reload.watching(),
            keys.watching(),
            beside(runs.inbox.keep_expiring(EXPIRY_CHECK)),
            beside(keep_erasing(ledger, clock.now_ms, lambda: reload.now.settings.keep_words_days)),
            beside(reminders.keep_looking(REMINDER_CHECK)),
        ):
            backends_and_agents.open(agents)
            yield Gateway(
                home,
                info,
                reload,
                backends,
                dispatch,
                upkeep,
                runs,
                ledger,
                models,
                reminders,
                telemetry,
                subjects,
                keys,
            )


def _agents(reload: Reload) -> Listing:
    """The agents that are in force, as tools."""
    return agent_tools.listing(tuple(agent.shown for agent in reload.agents.values()))


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None, None]:
    """While this is open, `work` goes on."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
