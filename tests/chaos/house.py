"""One life of a gateway: the real ledger, dispatch, policy and runs, with a scripted model, over a folder that
outlives it."""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.agent.definition import AgentDefinition, Limits
from gateway.bootstrap.system import SystemClock, SystemIds
from gateway.core import people
from gateway.core.catalog import UNKNOWN, ToolFacts, build_catalog
from gateway.core.dispatch import Dispatch
from gateway.core.policy import bind
from gateway.core.ports import Listing, ModelPort, ModelReply, ModelRequest, OnPiece, Piece
from gateway.runs.offers import Offers
from gateway.runs.presence import present
from gateway.runs.runner import Runs
from tests.chaos.ledger import PointedLedger
from tests.chaos.points import LEDGER, Points
from tests.chaos.tools import Asked, Strike, ask
from tests.policies import policy
from toolward.errors import Unavailable
from toolward.offers import PromptText
from toolward.types import CallContext, Principal, ResourceBody, ToolCall, ToolResult

ADA = Principal("ada", ("support",))
LEA = Principal("lea", ("lead",))
LEO = Principal("leo", ("lead",))

POLICY = policy("""
version: 1
rules:
  - {id: reads, principals: ['role:support'], tools: [crm.get_record, crm.find_records, 'desk.*'], effect: allow}
  - {id: answers, principals: ['role:support'], tools: [crm.add_ticket_message, 'people.*'], effect: allow}
  - id: small-refunds
    principals: ['role:support']
    tools: [crm.refund_payment]
    when: args.amount_minor <= 500
    effect: allow
  - id: refunds
    principals: ['role:support']
    tools: [crm.refund_payment]
    when: args.amount_minor > 500
    effect: ask
    approvers: ['role:lead']
  - {id: starts, principals: ['role:support'], operations: [run.start], effect: allow}
  - id: own
    operations: [run.read, run.cancel, run.pause, run.resume, run.retry, run.message, run.rate]
    when: resource.owner == principal.id
    effect: allow
  - {id: requests, operations: ['request.*'], effect: allow}
""")
FACTS = {
    "crm.get_record": ToolFacts(changes=False),
    "crm.find_records": ToolFacts(changes=False),
    "crm.add_ticket_message": ToolFacts(keeps_keys=True),
    "crm.refund_payment": ToolFacts(keeps_keys=True),
    "desk.look": ToolFacts(changes=False),
    "desk.wait": ToolFacts(changes=False),
    "desk.note": ToolFacts(),
}
AGENT = AgentDefinition(
    name="support",
    instructions="Help.",
    tools=("crm.*", "desk.*", "people.*"),
    limits=Limits(turns=12, calls=40),
    people=("self", "role:lead"),
)


class Script(ModelPort):
    """Says the n-th reply in turn n, in pieces, as often as it is asked."""

    def __init__(self, replies: Sequence[ModelReply], points: Points) -> None:
        self._replies = replies
        self._points = points

    async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
        await self._points.at_work("model: before its reply")
        turn = sum(one.role == "assistant" and not _late(one.tool_uses) for one in request.messages)
        reply = self._replies[turn]
        for start in range(0, len(reply.text), 24) if on_piece else ():
            assert on_piece is not None
            on_piece(Piece("text", reply.text[start : start + 24]))
            await asyncio.sleep(0)
            self._points.at("model: within its text")
        self._points.at("model: after its reply")
        return reply


def _late(uses: Sequence[object]) -> bool:
    return any(str(getattr(use, "id", "")).endswith("_late") for use in uses)


class Desks:
    """The backends, each call with points before it, inside it and after it."""

    def __init__(self, folder: Path, listings: tuple[Listing, ...], points: Points) -> None:
        self._folder = folder
        self._listings = listings
        self._points = points

    def listings(self) -> tuple[Listing, ...]:
        return self._listings

    async def read_resource(
        self, backend: str, principal: Principal, uri: str, context: CallContext
    ) -> tuple[ResourceBody, ...]:
        raise Unavailable("Nobody reads here.")

    async def get_prompt(
        self,
        backend: str,
        principal: Principal,
        name: str,
        arguments: Mapping[str, str],
        context: CallContext,
    ) -> PromptText:
        raise Unavailable("Nobody reads here.")

    async def call(
        self, backend: str, principal: Principal, call: ToolCall, context: CallContext
    ) -> ToolResult:
        name, points = f"call {backend}.{call.name}", self._points
        await points.at_work(f"{name}: before it is sent")
        strike = None
        for before in (True, False):
            for too in (False, True):
                when, both = "before" if before else "after", " with the tools' process" if too else ""
                if points.chosen(f"{name}: inside, {when} its effect{both}"):
                    strike = Strike(os.getpid(), points.strike, before, too)
        asked = Asked(backend, call.name, call.arguments_json.decode(), call.idempotency_key, strike)
        try:
            told = await ask(self._folder, asked)
        except (OSError, EOFError):
            raise Unavailable("The tools' process is gone.") from None
        points.at(f"{name}: after its answer")
        return told.result()


@asynccontextmanager
async def opened(
    folder: Path,
    listings: tuple[Listing, ...],
    replies: Sequence[ModelReply],
    points: Points,
    *,
    lease_seconds: float = 15.0,
    look_seconds: float = 5.0,
) -> AsyncGenerator[Runs]:
    PointedLedger.points = points
    points.ledger = folder / LEDGER
    clock, ids = SystemClock(), SystemIds()
    async with present(folder / "gateways") as presence, PointedLedger.open(folder / LEDGER) as ledger:
        backends = Desks(folder, listings, points)
        dispatch = Dispatch(backends, ledger, clock, ids)
        catalog = build_catalog((*listings, people.LISTING), {**FACTS, **people.FACTS})
        dispatch.replace(catalog, bind(POLICY, catalog))
        await dispatch.recall()

        def facts(name: str) -> ToolFacts:
            return tool.facts if (tool := catalog.find(name)) else UNKNOWN

        async with Runs(
            agents={"support": AGENT},
            ledger=ledger,
            dispatch=dispatch,
            authorize=dispatch.authorize,
            endpoint=lambda _: Script(replies, points),
            tools_for=Offers(dispatch).offer,
            clock=clock,
            ids=ids,
            facts=facts,
            holder=presence.name,
            gone=presence.gone,
            lease_seconds=lease_seconds,
            look_seconds=look_seconds,
        ) as runs:
            yield runs
