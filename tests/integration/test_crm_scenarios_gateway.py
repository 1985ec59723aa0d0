"""The scenarios' oracles through a real gateway: over a socket to the CRM, with whom each call is for, and with
a person's approval where the policy asks for one."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.bootstrap import Gateway, open_gateway
from gateway.config.parse import read_settings
from toolservers.crm.scenarios import runner
from toolservers.crm.scenarios.checker import check
from toolservers.crm.scenarios.scenario import Scenario, scenarios
from toolservers.crm.tools import Settings, server
from toolward.auth import bearer
from toolward.auth.on_behalf import OnBehalf
from toolward.doors.entrance import Entrance
from toolward.doors.grpc import serve_grpc
from toolward.types import (
    NO_CONTEXT,
    Answer,
    CallContext,
    InputRequired,
    Outcome,
    Principal,
    ToolCall,
    ToolPage,
)

KEY = "a key that the gateway and the CRM share"
CONFIGURATION = """
version: 1
lock: off
backends:
  crm: {grpc: "ADDRESS", token: crm-token, principal_key: "KEY", facts: {"*": {keeps_keys: true}}}
policies: [policy.yaml]
principals: [{id: local, roles: [operator]}]
"""
POLICY = """
version: 1
rules:
  - {id: everything, principals: ["role:support", "role:customer"], tools: ["crm.*"], effect: allow}
  - id: large-amounts
    tools: [crm.refund_payment, crm.create_credit_memo]
    when: args.amount_minor > 5000
    effect: ask
    approvers: ["role:support-lead"]
  - {id: inbox, operations: ["request.*"], effect: allow}
"""


class Desk:
    """The gateway's tools as an agent has them, with a person beside it who approves what they are named for."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.asked = 0

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        return await self._gateway.dispatch.list_tools(principal, cursor)

    async def call_tool(self, principal: Principal, call: ToolCall, context: CallContext) -> Outcome:
        outcome = await self._gateway.dispatch.call_tool(principal, call, NO_CONTEXT)
        if not isinstance(outcome, InputRequired) or not context.approved_by:
            return outcome
        self.asked += 1
        role = context.approved_by[-1].removeprefix("role:")
        approver = Principal("lea", (role,), principal.tenant)
        await self._gateway.runs.answer_input_request(approver, outcome.requests[0].id, Answer(approve=True))
        return await self._gateway.dispatch.call_tool(principal, call, NO_CONTEXT)

    def watch(self) -> AsyncIterator[None]:
        raise NotImplementedError


@pytest.fixture(scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Desk]:
    folder = tmp_path_factory.mktemp("house")
    async with AsyncExitStack() as stack:
        entered = Entrance(on_behalf=OnBehalf(KEY)).to(server, "grpc")
        authenticate = bearer({"crm-token": Principal("gateway")})
        door = await stack.enter_async_context(serve_grpc("127.0.0.1:0", entered, authenticate, name="crm"))
        (folder / "policy.yaml").write_text(POLICY)
        text = CONFIGURATION.replace("KEY", KEY).replace("ADDRESS", str(door.address))
        (folder / "toolward.yaml").write_text(text)
        settings = read_settings(folder / "toolward.yaml", {})
        gateway = await stack.enter_async_context(open_gateway(settings, folder / "home", environment={}))
        await gateway.backends.answered("crm")
        await gateway.upkeep.renewed()
        yield Desk(gateway)


async def wrong(desk: Desk, one: Scenario, world: Path, database: Path) -> list[str]:
    """What is not as it should be when the oracle was played through the gateway, in a world of its own."""
    async with server.running(Settings(runner.copy_of(world, database), runner.PACK)):
        before = desk.asked
        played = await runner.play(desk, one.oracle, runner.caller(one), keys=one.id, prefix="crm.")
    verdict = check(one, runner.between(world, database), played.calls)
    approvals = sum(runner.APPROVED_BY in call for call in one.oracle)
    if verdict.passed and not played.refused and desk.asked - before == approvals:
        return []
    return [str(verdict), *played.refused, f"asked {desk.asked - before} times, and not {approvals}"]


async def test_every_oracle_gets_it_right_through_the_gateway(desk: Desk, tmp_path: Path) -> None:
    world = tmp_path / "world.db"
    await runner.make_world(world)
    database = tmp_path / "crm.db"
    assert [text for one in scenarios() for text in await wrong(desk, one, world, database)] == []
