"""What a run needs, for tests: the real ledger on a file, the real dispatch and policy, scripted tools and model.

A house can be closed and opened again: that is a restart of the gateway, with the same file.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.agent.definition import AgentDefinition, Limits
from gateway.core import agent_tools, built_in, people
from gateway.core.budgets import Budget
from gateway.core.catalog import UNKNOWN, ToolFacts, build_catalog
from gateway.core.dispatch import Dispatch
from gateway.core.neutral import unmarked
from gateway.core.policy import bind
from gateway.core.ports import ModelPort, ModelReply, RunRecord, ToolUse, Usage
from gateway.ledger.leases import DATABASE_CLOCK
from gateway.ledger.ledger import Ledger
from gateway.runs.agent_tools import AgentTools, WithAgents
from gateway.runs.offers import Offers
from gateway.runs.ports import UNOBSERVED
from gateway.runs.presence import present
from gateway.runs.runner import Runs
from tests.policies import policy
from tests.twins import TwinBackends, TwinClock, TwinIds, TwinModel, listing
from toolward.types import (
    CallContext,
    InputRequest,
    JsonObject,
    Principal,
    Run,
    RunEvent,
    Tool,
    ToolCall,
    ToolResult,
    text_result,
)

ADA = Principal("ada", ("support",))
LEAD = Principal("lea", ("lead",))
EVE = Principal("eve", ("support",))

RULES = """
version: 1
rules:
  - {id: reads, principals: ['role:support'], tools: [crm.get, crm.note, 'crm.save'], effect: allow}
  - {id: refunds, principals: ['role:support'], tools: [crm.refund], effect: ask, approvers: ['role:lead']}
  - {id: no-deletes, tools: [crm.delete], effect: deny, when: args.id != "none", description: Nothing is deleted}
  - {id: deletes, principals: ['role:support'], tools: [crm.delete], effect: allow}
  - {id: starts, principals: ['role:support'], operations: [run.start], effect: allow}
  - id: own
    operations: [run.read, run.cancel, run.pause, run.resume, run.retry, run.message, run.rate]
    when: resource.owner == principal.id
    effect: allow
  - {id: requests, operations: ['request.*'], effect: allow}
"""
ID: JsonObject = {
    "type": "object",
    "properties": {"id": {"type": "string"}},
    "required": ["id"],
    "additionalProperties": False,
}
TOOLS = tuple(Tool(name, f"Tool {name}.", ID) for name in ("get", "note", "save", "refund", "delete"))
FACTS = {"crm.get": ToolFacts(changes=False), "crm.save": ToolFacts(keeps_keys=True)}
SUPPORT = AgentDefinition(
    name="support", instructions="Help.", tools=("crm.*",), limits=Limits(turns=6, calls=20)
)


def says(text: str) -> ModelReply:
    return ModelReply(text, usage=Usage(10, 5), model="scripted")


def calls(*wishes: tuple[str, str], text: str = "") -> ModelReply:
    """A reply that calls: (tool of crm, id) each."""
    uses = tuple(
        ToolUse(f"use_{number}", f"crm__{tool}", f'{{"id":"{record}"}}')
        for number, (tool, record) in enumerate(wishes, 1)
    )
    return ModelReply(text, uses, "tool_use", Usage(10, 5), "scripted")


class House:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.rules = RULES
        self.clock = TwinClock()
        self.lease_clock = DATABASE_CLOCK
        self.ids = TwinIds()
        self.backends = TwinBackends(listing("crm", *TOOLS))
        self.model: ModelPort = TwinModel([])
        self.endpoints: Mapping[str, ModelPort] = {}  # those that are not `model`
        self.budgets: tuple[Budget, ...] = ()
        self.agents: Mapping[str, AgentDefinition] = {"support": SUPPORT}
        self.rights: Mapping[str, tuple[str, ...]] | None = None  # None: as when a run was started
        self.lease_seconds = 15.0
        self.observer = UNOBSERVED
        self.ledger: Ledger
        self.dispatch: Dispatch

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Runs]:
        async with (
            present(self.path.parent / "gateways") as presence,
            Ledger.open(self.path, now=self.clock.now_ms, lease_clock=self.lease_clock) as self.ledger,
        ):
            backends = WithAgents(self.backends)
            self.dispatch = dispatch = Dispatch(backends, self.ledger, self.clock, self.ids)
            agents = agent_tools.listing(tuple(agent.shown for agent in self.agents.values()))
            listings = (*self.backends.listings(), people.LISTING, agents)
            catalog = build_catalog(listings, {**FACTS, **built_in.FACTS})
            dispatch.replace(catalog, bind(policy(self.rules), catalog))

            def facts(name: str) -> ToolFacts:
                return tool.facts if (tool := catalog.find(name)) else UNKNOWN

            runs = Runs(
                agents=self.agents,
                ledger=self.ledger,
                dispatch=dispatch,
                authorize=dispatch.authorize,
                endpoint=lambda name: self.endpoints.get(name, self.model),
                budgets=lambda: self.budgets,
                tools_for=Offers(dispatch).offer,
                clock=self.clock,
                ids=self.ids,
                facts=facts,
                rights=self._rights,
                holds=self.holds,
                lease_seconds=self.lease_seconds,
                holder=presence.name,
                gone=presence.gone,
                observer=self.observer,
            )
            async with runs, AgentTools(runs) as tools:
                backends.open(tools)
                yield runs

    def _rights(self, record: RunRecord, _api_key: str) -> Principal | None:
        roles = record.roles if self.rights is None else self.rights.get(record.run.owner)
        return None if roles is None else Principal(record.run.owner, roles, record.tenant)

    def holds(self, _principal: Principal) -> bool:
        return True

    def script(self, *replies: ModelReply) -> TwinModel:
        self.model = model = TwinModel(replies)
        return model

    @property
    def made(self) -> list[str]:
        """The calls that reached the tools: `get A`, `refund B`."""
        return [f"{call.name} {call.arguments['id']}" for _, call, _ in self.backends.calls]


async def until(runs: Runs, run_id: str, kind: str = "", after: int = 0) -> list[RunEvent]:
    """The events behind `after` up to the first of this type, or to the end of the run."""
    seen: list[RunEvent] = []
    async for event in runs.watch_run(ADA, run_id, after):
        assert isinstance(event, RunEvent)
        seen.append(event)
        if event.type == kind:
            break
    return seen


def types(events: list[RunEvent]) -> list[str]:
    return [event.type for event in events]


async def ended(runs: Runs, run: Run, after: int = 0) -> Run:
    """The run when it has come to an end behind `after`."""
    await until(runs, run.id, after=after)
    return await runs.get_run(ADA, run.id)


async def waiting(runs: Runs, run: Run, after: int = 0) -> InputRequest:
    """The one request that the run waits for."""
    await until(runs, run.id, "input_requested", after)
    (request,) = await runs.list_input_requests(LEAD, run.id)
    return request


class Hanging:
    """A tool that is reached and then waits until it is let go."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.let_go = asyncio.Event()
        self.cancelled = False

    async def __call__(self, call: ToolCall, _context: CallContext) -> ToolResult:
        self.reached.set()
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return text_result(f"{call.name} done")


def told(model: TwinModel, request: int = -1) -> list[tuple[str, bool]]:
    """What a request to the model says of calls: text, is_error."""
    return [
        (unmarked(message.text), message.is_error)
        for message in model.requests[request].messages
        if message.role == "tool"
    ]
