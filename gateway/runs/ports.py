"""What work on runs needs from the rest of the house."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from gateway.agent.definition import AgentDefinition
from gateway.agent.offering import Offer
from gateway.core.catalog import ToolFacts
from gateway.core.ports import Caller, Clock, Ids, LedgerPort, RunLogPort
from gateway.runs.budgets import Budgets
from gateway.runs.feed import Feed
from gateway.runs.leases import Leases
from gateway.runs.model_calls import FindEndpoint
from toolward.types import Principal

ToolsFor = Callable[[Principal, AgentDefinition], Offer]
"""What an agent may be offered on behalf of somebody now; the same object as long as that is the same."""


class RunLedger(LedgerPort, RunLogPort, Protocol):
    """Both sides of the ledger that runs need."""


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
