"""What work on runs needs from the rest of the house."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, Protocol

from gateway.agent import events as ev
from gateway.agent.definition import AgentDefinition
from gateway.agent.offering import Offer
from gateway.agent.state import RunStateData
from gateway.core.catalog import ToolFacts
from gateway.core.ports import (
    Called,
    Caller,
    Clock,
    EndpointFacts,
    Ids,
    LedgerPort,
    ModelReply,
    ModelRequest,
    RunLogPort,
)
from gateway.runs.budgets import Budgets
from gateway.runs.feed import Feed
from gateway.runs.leases import Leases
from gateway.runs.model_calls import FindEndpoint
from toolward.types import Principal, Run

ToolsFor = Callable[[Principal, AgentDefinition], Offer]
"""What an agent may be offered on behalf of somebody now; the same object as long as that is the same."""


class RunLedger(LedgerPort, RunLogPort, Protocol):
    """Both sides of the ledger that runs need."""


class Asking(Protocol):
    """A model that is being asked."""

    def replied(self, reply: ModelReply) -> None: ...


class Performing(Protocol):
    """A call that is being made."""

    traceparent: str
    """For whoever performs it; empty where nobody looks."""

    def came(self, made: Called) -> None: ...


class Observer(Protocol):
    """Hears what is done on runs, for metrics and spans. It raises nothing, and changes nothing."""

    def started(self, run: Run) -> None:
        """A new run, or one that retries another, is stored."""
        ...

    def moved(self, before: RunStateData, after: RunStateData, event: ev.Event) -> None:
        """An event of it is stored."""
        ...

    def work(self, state: Callable[[], RunStateData]) -> AbstractContextManager[None]:
        """Work on a run, as far as it can go now; `state` gives its state at any moment."""
        ...

    def chat(
        self, run: Run, endpoint: EndpointFacts, request: ModelRequest
    ) -> AbstractContextManager[Asking]: ...

    def call(self, run: Run, called: ev.ToolCalled) -> AbstractContextManager[Performing]: ...


class _Nothing:
    """Hears of a model and of a call, and makes nothing of it."""

    traceparent = ""

    def __enter__(self) -> "_Nothing":
        return self

    def __exit__(self, *raised: object) -> None:
        pass

    def replied(self, reply: ModelReply) -> None:
        pass

    def came(self, made: Called) -> None:
        pass


_NOTHING = _Nothing()
_IDLE: AbstractContextManager[None] = nullcontext()


class Unobserved:
    """The Observer where nobody looks."""

    def started(self, run: Run) -> None:
        pass

    def moved(self, before: RunStateData, after: RunStateData, event: ev.Event) -> None:
        pass

    def work(self, state: Callable[[], RunStateData]) -> AbstractContextManager[None]:
        return _IDLE

    def chat(
        self, run: Run, endpoint: EndpointFacts, request: ModelRequest
    ) -> AbstractContextManager[Asking]:
        return _NOTHING

    def call(self, run: Run, called: ev.ToolCalled) -> AbstractContextManager[Performing]:
        return _NOTHING


UNOBSERVED: Observer = Unobserved()


class Ports(NamedTuple):
    ledger: RunLedger
    dispatch: Caller
    endpoint: FindEndpoint
    tools_for: ToolsFor
    facts: Callable[[str], ToolFacts]  # by qualified name
    clock: Clock
    ids: Ids
    feed: Feed
    leases: Leases
    budgets: Budgets
    observer: Observer = UNOBSERVED
