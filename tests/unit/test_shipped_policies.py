"""The shipped policies, bound to the tools that the shipped servers really offer: what each lets through."""

import asyncio
import importlib
from typing import Any

import pytest

from gateway.config.builtin import FACTS
from gateway.core import agent_tools, built_in, people
from gateway.core.catalog import Catalog, ToolFacts, build_catalog
from gateway.core.policy import BoundPolicy, bind
from gateway.core.ports import Listing
from tests.policies import shipped
from tests.twins import listing
from toolward.kit import ToolServer
from toolward.types import Agent, Principal, RunScope, Tool

OPERATOR = Principal("me", ("operator",))
SUPPORT = Principal("ada", ("support",))
LEAD = Principal("lea", ("support-lead",))
NOBODY = Principal("eve")

Call = tuple[str, dict[str, Any]]

READS: list[Call] = [
    ("search.search", {"query": "damaged"}),
    ("search.fetch", {"id": "returns-policy"}),
    ("search.list_documents", {}),
    ("search.get_index_status", {}),
    ("calculator.calculate", {"expression": "1+1"}),
    ("files.list_files", {}),
    ("files.read_file", {"path": "a.md"}),
    ("files.search_text", {"query": "damaged"}),
    ("crm.find_records", {"record_type": "order"}),
    ("crm.get_record", {"record_id": "ORD-1007"}),
]


def listed(name: str) -> Listing:
    server: ToolServer[Any] = importlib.import_module(f"toolservers.{name}.tools").server
    return listing(name, *asyncio.run(server.list_tools(NOBODY)).tools)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    servers = [listed(name) for name in ("search", "calculator", "files", "crm")]
    web = listing("web", Tool("open_page"), Tool("post_form"))
    facts = {"web.open_page": ToolFacts(changes=False), **built_in.FACTS}
    agents = agent_tools.listing((Agent("support"),))
    return build_catalog([*servers, web, people.LISTING, agents], facts)


@pytest.fixture(params=["customers", "default", "read-only", "support"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def refund(amount_minor: int) -> Call:
    return "crm.refund_payment", {"payment_id": "PAY-5007", "amount_minor": amount_minor, "reason": "Damaged"}


def memo(amount_minor: int) -> Call:
    about = {"customer_id": "CUS-2006", "currency": "EUR", "reason": "Late", "basis": "service_level"}
    return "crm.create_credit_memo", {"amount_minor": amount_minor, **about}


def cancel(**more: Any) -> Call:
    return "crm.change_order", {"order_id": "ORD-1009", "change": "cancel", **more}


def decide(bound: BoundPolicy, catalog: Catalog, who: Principal, call: Call) -> tuple[str, str]:
    tool = catalog.find(call[0])
    assert tool is not None, call[0]
    assert tool.input_schema.violations(call[1]) == ()
    decision = bound.decide(who, tool, call[1])
    return decision.effect, decision.rule


def test_fits_every_shipped_tool_and_names_none_that_is_not_there(name: str, catalog: Catalog) -> None:
    assert catalog.problems == ()
    bound = bind(shipped(name), catalog)
    assert bound.problems == ()
    assert bound.warnings == ()


def test_gives_a_stranger_nothing(name: str, catalog: Catalog) -> None:
    bound = bind(shipped(name), catalog)
    assert [tool.name for tool in catalog.tools if bound.listable(NOBODY, tool)] == []


def test_every_rule_that_restrains_says_why(name: str) -> None:
    assert [rule.id for rule in shipped(name).rules if rule.effect != "allow" and not rule.description] == []


DEFAULT: list[tuple[Call, tuple[str, str]]] = [
    *((call, ("allow", "reading")) for call in READS),
    (("files.write_file", {"path": "notes/a.md", "content": "x"}), ("allow", "notes")),
    (("crm.add_ticket_message", {"ticket_id": "TCK-3003", "body": "x"}), ("allow", "tickets")),
    (cancel(), ("ask", "order-changes")),
    (cancel(dry_run=True), ("allow", "dry-runs")),
    (memo(50_000), ("ask", "credit-memos")),
    (memo(50_001), ("deny", "no-large-credit-memos")),
    (refund(1), ("ask", "small-refunds")),
    (refund(5000), ("ask", "small-refunds")),
    (refund(5001), ("ask", "larger-refunds")),
    (refund(50_000), ("ask", "larger-refunds")),
    (refund(50_001), ("deny", "no-large-refunds")),
    (refund(2**70), ("deny", "no-large-refunds")),
    (("web.open_page", {}), ("ask", "other-servers")),
]


@pytest.mark.parametrize(("call", "expected"), DEFAULT)
def test_default(catalog: Catalog, call: Call, expected: tuple[str, str]) -> None:
    assert decide(bind(shipped("default"), catalog), catalog, OPERATOR, call) == expected


def test_default_lets_the_local_person_approve_their_own_refund(catalog: Catalog) -> None:
    tool = catalog.find("crm.refund_payment")
    assert tool is not None
    decision = bind(shipped("default"), catalog).decide(OPERATOR, tool, refund(1)[1])
    assert decision.approvers == ("self", "role:operator")


@pytest.mark.parametrize("who", [OPERATOR, SUPPORT])
def test_read_only(catalog: Catalog, who: Principal) -> None:
    bound = bind(shipped("read-only"), catalog)
    for call in READS:
        assert decide(bound, catalog, who, call) == ("allow", "reading")
    assert decide(bound, catalog, who, ("web.open_page", {})) == ("allow", "known-to-change-nothing")
    hidden = [tool.name for tool in catalog.tools if not bound.listable(who, tool)]
    read = [call[0] for call in READS]
    ours = [tool.name for tool in catalog.tools if tool.backend in ("crm", "files") and tool.name not in read]
    changing = [*ours, "web.post_form"]
    for_runs_only = [people.ASK, people.ESCALATE]
    assert hidden == [*changing, *for_runs_only, "agents.send_message"]  # as no operation `run.message`
    run = RunScope("run_1", "clerk", ("*",))
    hidden = [tool.name for tool in catalog.tools if not bound.listable(who, tool, run)]
    assert [name for name in hidden if not name.startswith("agents.")] == changing
    assert len(hidden) == len(changing) + 4  # no agent calls another


def message(**more: Any) -> Call:
    return "crm.add_ticket_message", {"ticket_id": "TCK-3003", "body": "x", **more}


def note(path: str) -> Call:
    return "files.write_file", {"path": path, "content": "x"}


SUPPORT_TEAM: list[tuple[Call, tuple[str, str]]] = [
    *((call, ("allow", "support-reads")) for call in READS),
    (note("notes/a.md"), ("allow", "case-notes")),
    (note("notes/../a.md"), ("deny", "")),
    (note("a.md"), ("deny", "")),
    (message(internal=True), ("allow", "internal-messages")),
    (message(internal=False), ("ask", "messages-to-customers")),
    (message(), ("ask", "messages-to-customers")),
    (refund(1), ("ask", "refunds-need-a-lead")),
    (refund(50_000), ("ask", "refunds-need-a-lead")),
    (refund(50_001), ("deny", "no-large-refunds")),
    (cancel(), ("ask", "cancelling")),
    (cancel(dry_run=True), ("allow", "dry-runs")),
    (memo(50_000), ("ask", "credit-memos")),
    (memo(50_001), ("deny", "no-large-credit-memos")),
    (("web.open_page", {}), ("deny", "")),
]


@pytest.mark.parametrize("who", [SUPPORT, LEAD])
@pytest.mark.parametrize(("call", "expected"), SUPPORT_TEAM)
def test_support(catalog: Catalog, who: Principal, call: Call, expected: tuple[str, str]) -> None:
    assert decide(bind(shipped("support"), catalog), catalog, who, call) == expected


def test_of_the_crms_tools_the_gateway_knows_what_they_do_and_of_its_admin_tools_nothing() -> None:
    """What is unknown changes things and is never repeated: for a tool of ours that is left out by mistake, a run
    would ask people about its outcome after each crash."""
    crm = {f"crm.{tool.name}": tool.annotations or {} for tool in listed("crm").tools}
    known = {name: facts for name, facts in FACTS.items() if name.startswith("crm.")}
    assert known.keys() == crm.keys()
    for name, facts in known.items():
        assert facts.changes is not crm[name]["readOnlyHint"]
        assert facts.keeps_keys or facts.idempotent
