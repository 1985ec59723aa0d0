"""Recorded calls decided again by another policy, in the catalog as it is now: what would change. Nothing is
called."""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import msgspec

from gateway.core.catalog import Catalog, CatalogTool
from gateway.core.offering import operation_of, resource_of
from gateway.core.policy import BoundPolicy
from gateway.core.ports import RecordedCall
from gateway.core.provenance import Sources
from gateway.core.rules import Effect
from toolward.errors import ToolwardError
from toolward.schema import parse_object
from toolward.types import JsonObject, Principal, RunScope

AgentTools = Callable[[str], tuple[str, ...] | None]
"""The tools of an agent, as globs; None where there is no such agent any more."""

SourcesOf = Callable[["PastCall"], Sources | None]
"""What had entered a call's run when it was written; None where that is not on record."""

Lost = Literal[
    "its arguments were erased",
    "its tool is gone",
    "its server is not running",
    "its arguments do not fit the tool any more",
    "its agent is gone",
    "where its values came from is not on record",
]
"""Why a call cannot be decided again."""


class PastCall(msgspec.Struct, frozen=True):
    """One call as it was recorded. `arguments_json` None = erased."""

    id: str
    at: int  # Unix ms
    principal: Principal
    tool: str
    effect: Effect
    rule: str
    arguments_json: bytes | None = None
    run_id: str = ""
    agent: str = ""


def past(call: RecordedCall) -> PastCall:
    """As it is decided once more."""
    record = call.record
    return PastCall(
        id=record.id,
        at=record.at,
        principal=Principal(record.principal, record.roles, record.tenant),
        tool=record.tool,
        effect=record.effect,
        rule=record.rule,
        arguments_json=call.arguments_json,
        run_id=record.run_id,
        agent=record.agent,
    )


class Recast(NamedTuple):
    """What the policy is asked once more, besides who calls (`BoundPolicy.decide`)."""

    tool: CatalogTool
    arguments: JsonObject
    run: RunScope | None = None
    origins: Sources | None = None


class Flip(msgspec.Struct, frozen=True):
    """A call that the candidate decides otherwise. `changes`: its tool may change something. `ask` to `ask` is one
    too where others would approve; of those who approved then nothing is recorded, so that is not seen."""

    call: PastCall
    effect: Effect
    rule: str
    reason: str
    changes: bool

    @property
    def kind(self) -> str:
        """`deny -> allow`"""
        return f"{self.call.effect} -> {self.effect}"


class Replayed(msgspec.Struct, frozen=True):
    """`calls` were looked at; `lost` of them, by reason, could not be decided again; `moved` are decided alike by
    another rule."""

    calls: int
    flips: tuple[Flip, ...]
    moved: int
    lost: dict[str, int]

    @property
    def kinds(self) -> dict[str, int]:
        """How many flips of each kind there are."""
        found: dict[str, int] = {}
        for flip in self.flips:
            found[flip.kind] = found.get(flip.kind, 0) + 1
        return found


def replay(
    calls: Iterable[PastCall],
    policy: BoundPolicy,
    catalog: Catalog,
    agent_tools: AgentTools,
    sources: SourcesOf = lambda _call: None,
) -> Replayed:
    """Raises nothing that is not raised by reading `calls` and `sources`."""
    flips: list[Flip] = []
    lost: dict[str, int] = {}
    count = moved = 0
    for call in calls:
        count += 1
        found = _again(call, policy, catalog, agent_tools, sources)
        if isinstance(found, Flip):
            flips.append(found)
        elif found is not None:
            moved += found == "moved"
            if found != "moved":
                lost[found] = lost.get(found, 0) + 1
    return Replayed(count, tuple(flips), moved, lost)


def _again(
    call: PastCall, policy: BoundPolicy, catalog: Catalog, agent_tools: AgentTools, sources: SourcesOf
) -> Flip | Lost | Literal["moved"] | None:
    if (operation := operation_of(call.tool)) is not None:
        return _read_again(call, operation, policy)
    found = recast(call, policy, catalog, agent_tools, sources)
    if not isinstance(found, Recast):
        return found
    decision = policy.decide(call.principal, *found)
    if decision.effect != call.effect:
        return Flip(call, decision.effect, decision.rule, decision.reason, found.tool.facts.changes)
    return None if decision.rule == call.rule else "moved"


def recast(
    call: PastCall,
    policy: BoundPolicy,
    catalog: Catalog,
    agent_tools: AgentTools,
    sources: SourcesOf = lambda _call: None,
) -> Recast | Lost:
    """What `policy` is asked of a recorded call of a tool, or why it cannot be asked."""
    tool = catalog.find(call.tool)
    if tool is None:
        backend = catalog.backend_of(call.tool)
        return "its server is not running" if backend and backend.problem else "its tool is gone"
    if call.arguments_json is None:
        return "its arguments were erased"
    arguments = _arguments(call.arguments_json)
    if arguments is None or not tool.input_schema.accepts(arguments):
        return "its arguments do not fit the tool any more"
    if not call.agent:
        return Recast(tool, arguments)
    if (tools := agent_tools(call.agent)) is None:
        return "its agent is gone"
    if not policy.asks_for_origins(tool):
        return Recast(tool, arguments, RunScope(call.run_id, call.agent, tools))
    if (known := sources(call)) is None:
        return "where its values came from is not on record"
    return Recast(tool, arguments, RunScope(call.run_id, call.agent, tools, untrusted=known.untrusted), known)


def _read_again(call: PastCall, operation: str, policy: BoundPolicy) -> Flip | Lost | Literal["moved"] | None:
    """Of a resource that was read, or a prompt that was got."""
    if call.arguments_json is None:
        return "its arguments were erased"
    resource = resource_of(call.tool, _arguments(call.arguments_json) or {})
    decision = policy.decide_operation(call.principal, operation, resource)
    if decision.effect != call.effect:
        return Flip(call, decision.effect, decision.rule, decision.reason, changes=False)
    return None if decision.rule == call.rule else "moved"


def _arguments(raw: bytes) -> JsonObject | None:
    try:
        return parse_object(raw, "recorded arguments")
    except ToolwardError:
        return None
