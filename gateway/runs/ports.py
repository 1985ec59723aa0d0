"""What work on runs needs from the rest of the house."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from gateway.agent.definition import AgentDefinition
from gateway.core.catalog import ToolFacts
from gateway.core.ports import Caller, Clock, Ids, LedgerPort, ModelPort, RunLogPort
from gateway.runs.feed import Feed
from gateway.runs.leases import Leases
from toolward.types import Principal, Tool

OfferedTool = tuple[str, str, Tool]
"""A tool as an agent gets it: alias, qualified name, tool."""

ToolsFor = Callable[[Principal, AgentDefinition], Sequence[OfferedTool]]


class RunLedger(LedgerPort, RunLogPort, Protocol):
    """Both sides of the ledger that runs need."""


class Ports(NamedTuple):
    ledger: RunLedger
    dispatch: Caller
    models: Callable[[AgentDefinition], ModelPort]
    tools_for: ToolsFor
    facts: Callable[[str], ToolFacts]  # by qualified name
    clock: Clock
    ids: Ids
    feed: Feed
    leases: Leases
