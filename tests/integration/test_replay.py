"""Calls that a real ledger has on record, decided again by another policy."""

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gateway.bootstrap.past import past_calls
from gateway.cli.policy_replay import replay as command
from gateway.cli.policy_replay import summary
from gateway.cli.session import Common
from gateway.core.catalog import ToolFacts, build_catalog
from gateway.core.dispatch import Dispatch
from gateway.core.policy import bind
from gateway.core.ports import Listing
from gateway.core.replaying import Replayed, replay
from gateway.ledger.ledger import Ledger
from tests.policies import policy
from tests.twins import START_MS, TwinBackends, TwinClock, TwinIds, listing
from toolward.errors import ConfigurationError, Denied, InvalidRequest
from toolward.types import NO_CONTEXT, CallContext, Principal, RunScope, Tool, ToolCall

ADA = Principal("ada", ("support",), "acme")
REFUND = Tool(
    "refund",
    input_schema={"type": "object", "properties": {"amount": {"type": "integer"}}, "required": ["amount"]},
)
TOOLS = listing("crm", REFUND, Tool("get"))
FACTS = {"crm.get": ToolFacts(changes=False)}
OLD = """version: 1
rules:
  - {id: reads, tools: [crm.get], principals: ["role:support"], effect: allow}
  - {id: small, tools: [crm.refund], when: args.amount <= 50, effect: allow}
"""
REFUNDS_ASK = "  - {id: ask, tools: [crm.refund], effect: ask, approvers: [self]}\n"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    asyncio.run(record(path))
    return path


async def record(path: Path) -> None:
    """Three calls by ada (two refunds, one of them denied, and a read), and one in a run of the agent clerk."""
    clock = TwinClock()
    async with Ledger.open(path, now=clock.now_ms) as opened:
        backends = TwinBackends(TOOLS)
        dispatch = Dispatch(backends, opened, clock, TwinIds())
        catalog = build_catalog(backends.listings(), FACTS)
        dispatch.replace(catalog, bind(policy(OLD), catalog))
        await dispatch.call_tool(ADA, ToolCall("crm.refund", b'{"amount": 50}'), NO_CONTEXT)
        clock.advance(60)
        with pytest.raises(Denied):
            await dispatch.call_tool(ADA, ToolCall("crm.refund", b'{"amount": 51}'), NO_CONTEXT)
        await dispatch.call_tool(ADA, ToolCall("crm.get"), NO_CONTEXT)
        in_run = CallContext(run=RunScope("run_1", "clerk", ("crm.*",)))
        await dispatch.call_tool(ADA, ToolCall("crm.get", call_id="call_of_run"), in_run)


def decided(
    ledger: Path, candidate: str, *listings: Listing, agents: dict[str, tuple[str, ...]] | None = None
) -> Replayed:
    catalog = build_catalog(listings or (TOOLS,), FACTS)
    known = {"clerk": ("crm.*",)} if agents is None else agents
    return replay(past_calls(ledger), bind(policy(candidate), catalog), catalog, known.get)


def test_the_policy_that_decided_changes_nothing(ledger: Path) -> None:
    found = decided(ledger, OLD)
    assert (found.calls, found.flips, found.moved, found.lost) == (4, (), 0, {})
    assert summary(found) == ["None of 4 calls flips."]


def test_what_another_policy_would_change_is_found_newest_first(ledger: Path) -> None:
    found = decided(ledger, OLD + REFUNDS_ASK)
    assert [(flip.call.arguments_json, flip.kind, flip.rule, flip.changes) for flip in found.flips] == [
        (b'{"amount": 51}', "deny -> ask", "ask", True),
        (b'{"amount": 50}', "allow -> ask", "ask", True),
    ]
    assert found.flips[0].call.principal == ADA
    said = "2 of 4 calls flip: 1 deny -> ask, 1 allow -> ask; 2 with a tool that may change things."
    assert summary(found) == [said]


def test_the_agent_of_a_run_counts_and_roles_do(ledger: Path) -> None:
    rule = '  - {id: no-clerk, tools: ["*"], principals: ["agent:clerk"], effect: deny}\n'
    (flip,) = decided(ledger, OLD + rule).flips
    assert (flip.call.agent, flip.kind, flip.changes) == ("clerk", "allow -> deny", False)
    assert len(decided(ledger, OLD.replace("role:support", "role:lead")).flips) == 2
    (flip,) = decided(ledger, OLD, agents={"clerk": ("files.*",)}).flips
    assert flip.rule == "agent:clerk"


def test_a_call_that_another_rule_decides_alike_is_no_flip(ledger: Path) -> None:
    found = decided(ledger, OLD.replace("id: reads", "id: reading"))
    assert (found.flips, found.moved) == ((), 2)
    assert "2 calls decided alike, but by another rule." in summary(found)


def test_what_cannot_be_decided_again_is_counted_by_reason(ledger: Path) -> None:
    with sqlite3.connect(ledger) as raw:
        raw.execute("DELETE FROM call_payloads WHERE call_id = 'call_of_run'")
    stricter = {**REFUND.input_schema, "properties": {"amount": {"type": "integer", "maximum": 50}}}
    other = listing("crm", Tool("refund", input_schema=stricter), Tool("get"))
    found = decided(ledger, OLD, other)
    assert found.flips == ()
    assert found.lost == {
        "its arguments were erased": 1,
        "its arguments do not fit the tool any more": 1,
    }
    assert "1 call could not be decided again: its arguments were erased." in summary(found)
    assert decided(ledger, OLD, listing("crm", REFUND)).lost == {"its tool is gone": 2}
    assert decided(ledger, OLD, listing("crm", problem="refused")).lost == {"its server is not running": 4}


def test_an_agent_that_is_gone_is_a_reason(ledger: Path) -> None:
    assert decided(ledger, OLD, agents={}).lost == {"its agent is gone": 1}


def test_only_calls_since_then_are_read(ledger: Path) -> None:
    assert len(list(past_calls(ledger, START_MS))) == 4
    assert len(list(past_calls(ledger, START_MS + 1))) == 3
    assert list(past_calls(ledger, START_MS + 60_001)) == []


def test_without_a_ledger_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        list(past_calls(tmp_path / "none.db"))


# --- the command ------------------------------------------------------------------------------------------


@pytest.fixture
def home(ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with that ledger, and a configuration without a server."""
    monkeypatch.setenv("TOOLWARD_HOME", str(tmp_path))
    (tmp_path / "toolward.yaml").write_text(
        "version: 1\nbackends: {}\n"
    )  # the shipped policy lets the local person read the ledger
    (tmp_path / "candidate.yaml").write_text(OLD)
    return tmp_path


def said(home: Path, capsys: pytest.CaptureFixture[str], **options: Any) -> tuple[int, Any]:
    common = Common(home / "toolward.yaml", json=True)
    code = command(home / "candidate.yaml", common=common, **options)
    return code, json.loads(capsys.readouterr().out)


def test_the_command_reads_the_ledger_of_its_home(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = said(home, capsys)
    assert (code, found["calls"], found["flips"], found["lost"]) == (0, 4, [], {"its tool is gone": 4})
    assert said(home, capsys, limit=2)[1]["calls"] == 2
    assert said(home, capsys, since="1h")[1]["calls"] == 0  # the calls are of a fixed day, long ago


@pytest.mark.parametrize("options", [{"since": "7"}, {"since": "d7"}, {"limit": 0}])
def test_the_command_refuses_what_it_cannot_mean(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        command(tmp_path / "x.yaml", **options)
    with pytest.raises(InvalidRequest, match="No policy is named"):
        command()
