"""Calls on record and what was used: lists, counts, files and charts over a ledger with work of several days behind
it, for who may read it."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from benchmarks.console.seeded import SMALL, SPAN, Seeded, seed
from gateway.core.ports import CallFilter, CallOutcome, CallRecord
from gateway.ledger import days
from gateway.ledger.ledger import Ledger
from gateway.oversight import Oversight
from gateway.oversight import usage as usage_oversight
from gateway.oversight.calls import Calls
from gateway.oversight.usage import UsageView, count_ahead
from gateway.servers.console import calls, usage
from gateway.servers.console.app import console_app
from gateway.servers.console.pages import Pages
from gateway.servers.console.parts import Parts
from gateway.servers.console.sessions import Sessions
from gateway.servers.rest import rest_app
from tests.integration.scripted_tools import Tools
from toolward.auth import bearer
from toolward.errors import Denied, InvalidRequest, NotFound
from toolward.types import Principal, ServerInfo

ADA, EVE = Principal("ada", ("operator",)), Principal("eve", ("operator",), "elsewhere")
BOB = Principal("bob", ("support",))
DAY = 24 * 3_600_000
HOSTILE = "crm.\u202e<img src=x>"


def may(principal: Principal, operation: str, resource: Any) -> Denied | None:
    """Of the policy all that is asked here."""
    assert (operation, resource) == ("ledger.read", {})
    return None if "operator" in principal.roles else Denied("No rule allows it.")


class Place:
    def __init__(self, ledger: Ledger, now: int, seeded: Seeded) -> None:
        self.ledger, self.now, self.seeded = ledger, now, seeded
        self.calls = Calls(ledger, may)
        self.usage = UsageView(ledger, may, lambda: now)
        unused: Any = None  # neither room asks for it
        self.oversight = Oversight(unused, self.calls, self.usage, unused, unused)


@asynccontextmanager
async def console_over(oversight: Oversight, principal: Principal) -> AsyncGenerator[httpx.AsyncClient]:
    """The rooms that stand on what is on record, for somebody who is signed in."""
    sessions = Sessions(b"k" * 32)
    nobody: Any = None  # neither room calls tools or agents
    info = ServerInfo("toolward", "1")
    known: Any = SimpleNamespace(principal_of=lambda session: principal)  # pyright: ignore[reportUnknownLambdaType]
    parts = Parts(info, Pages(sessions, "1"), sessions, known, nobody, nobody, oversight)
    app = console_app(parts, [*calls.shown(parts), *usage.shown(parts)])
    cookies = {"toolward": sessions.written(sessions.begin("principal", principal.id))}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x", cookies=cookies) as client:
        yield client


@pytest.fixture
async def place(tmp_path: Path) -> AsyncGenerator[Place]:
    now = time.time_ns() // 1_000_000
    seeded = await seed(tmp_path / "ledger.db", now, SMALL)
    async with Ledger.open(tmp_path / "ledger.db") as ledger:
        yield Place(ledger, now, seeded)


async def all_calls(place: Place, only: CallFilter, size: int = 1_000) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await place.calls.find(ADA, only, size=size, cursor=cursor)
        found += [one.id for one in page.calls]
        if (cursor := page.next_cursor) is None:
            return found


@pytest.mark.parametrize(
    "only",
    [
        CallFilter(),
        CallFilter(tool="crm.get_record"),
        CallFilter(rule="", effect="deny"),
        CallFilter(outcome="tool_error", principal="local"),
        CallFilter(text="ORD-1"),
    ],
)
async def test_pages_have_each_call_once_and_counts_are_those_of_the_list(place: Place, only: CallFilter):
    once = await all_calls(place, only)
    assert once == await all_calls(place, only, size=7)
    assert len(set(once)) == len(once) > 0
    facets = await place.calls.facets(ADA, only)
    assert facets.calls == len(once)
    for one in facets.of["tool"]:  # what another choice would give is what it gives
        other = CallFilter(one.value, only.principal, only.effect, only.rule, only.outcome, text=only.text)
        assert one.calls == len(await all_calls(place, other))


async def test_a_day_that_is_over_is_counted_anew_when_one_of_its_calls_ends_late(place: Place):
    """Days are kept after a look; the second look is at what is kept."""
    old = place.now - 20 * DAY
    record = CallRecord("call_late", old, "ada", "default", "crm.late", "allow", "r", "v", changes=True)
    await place.ledger.intend(record, b"\xff no JSON")
    for outcome in ("under_way", "ok", "tool_error"):
        for _ in range(2):
            counts = await place.ledger.count_calls("default", CallFilter())
            assert [one.outcome for one in counts if one.tool == "crm.late"] == [outcome]
        if outcome == "tool_error":
            break
        code = "ok" if outcome == "under_way" else "tool_error"
        place.ledger.settle(CallOutcome("call_late", old + 5, code, 9_000))
        found = await place.ledger.call_record("call_late")  # waits until it is stored
        assert found.outcome is not None
        assert found.outcome.code == code
    page = await place.calls.find(ADA, CallFilter(tool="crm.late"))
    assert [(one.outcome, one.duration_us) for one in page.calls] == [("tool_error", 9_000)]


async def test_usage_adds_up_to_the_same_by_whatever_it_is_told_apart(place: Place):
    for _ in range(2):
        usage = await place.usage.of(ADA, place.now - SPAN)
        calls, models, runs = usage.total.calls, usage.total.models, usage.total.runs
        assert calls
        assert models
        assert runs
        assert (calls.calls, runs.runs) == (SMALL.calls, SMALL.runs)
        assert calls.calls == sum(one.calls.calls for one in (*usage.tools,) if one.calls)
        for rows in (usage.days, usage.agents, usage.models):
            found = [one.models for one in rows if one.models]
            assert sum(one.cost or 0 for one in found) == models.cost
            assert sum(one.input_tokens for one in found) == models.input_tokens
        near = next(one.models for one in usage.models if one.name == "near near-7b")
        assert near
        assert (near.cost, near.unpriced) == (None, near.replies)
        assert calls.took.p50 is not None
    nothing = (await place.usage.of(ADA, place.now - 90 * DAY, place.now - 60 * DAY)).total
    assert nothing.models
    assert (nothing.models.cost, nothing.models.took.p50) == (None, None)


async def test_only_who_may_reads_and_only_of_their_own_tenant(place: Place):
    for work in (
        place.calls.find(BOB, CallFilter()),
        place.calls.facets(BOB, CallFilter()),
        place.calls.get(BOB, place.seeded.call),
        place.calls.rule_hits(BOB, 0),
        place.usage.of(BOB, 0),
    ):
        with pytest.raises(Denied):
            await work
    assert (await place.calls.find(EVE, CallFilter())).calls == ()
    assert await place.calls.rule_hits(EVE, 0) == {}
    with pytest.raises(NotFound):
        await place.calls.get(EVE, place.seeded.call)
    with pytest.raises(InvalidRequest):
        await place.calls.find(ADA, CallFilter(), cursor="zz")
    hits = await place.calls.rule_hits(ADA, 0)
    assert sum(one.calls for one in hits.values()) == SMALL.calls
    assert hits["no-deletes"].calls == len(await all_calls(place, CallFilter(rule="no-deletes")))


async def test_rest_tells_the_same(place: Place):
    app = rest_app(
        ServerInfo("test", "1"),
        Tools(),
        None,  # pyright: ignore[reportArgumentType] -- no route of agents is asked
        bearer({"adas": ADA, "bobs": BOB}),
        lambda _: {},
        oversight=place.oversight,
    )
    token = {"authorization": "Bearer adas"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://x", headers=token
    ) as rest:
        listed = (await rest.get("/v1/calls", params={"size": 3, "effect": "deny", "rule": ""})).json()
        assert {(one["effect"], one["rule"]) for one in listed["calls"]} == {("deny", "")}
        one = (await rest.get(f"/v1/calls/{place.seeded.call}")).json()
        assert one["arguments"]["note"] == "as the customer asked"
        usage = (await rest.get("/v1/usage", params={"since": place.now - SPAN})).json()
        assert usage["total"]["calls"]["calls"] == SMALL.calls
        assert (await rest.get("/v1/usage", headers={"authorization": "Bearer bobs"})).status_code == 403
        assert (await rest.get("/v1/calls/none")).status_code == 404


async def test_pages_and_files_of_calls_and_usage(place: Place):
    record = CallRecord(
        "call_hostile", place.now, "=cmd", "default", HOSTILE, "deny", "", "v", changes=True, roles=("x",)
    )
    place.ledger.refuse(record, b"\xff<b>", CallOutcome("call_hostile", place.now, "denied", 0, "<script>"))
    await place.ledger.call_record("call_hostile")
    async with console_over(place.oversight, ADA) as pages:
        listed = await pages.get("/calls", params={"since": "30d", "rule": ""})
        assert listed.status_code == 200
        assert "crm.\\u202e&lt;img src=x&gt;" in listed.text
        assert "no rule matched" in listed.text
        assert "<script>" not in listed.text
        shown = await pages.get("/calls/call_hostile")
        assert "They were no JSON" in shown.text
        assert "/policies/why?call=call_hostile" in shown.text
        sheet = await pages.get("/calls.csv", params={"since": "30d"})
        assert sheet.headers["content-type"].startswith("text/csv")
        assert ",'=cmd," in sheet.text
        assert len(sheet.text.splitlines()) == SMALL.calls + 2
        assert len((await pages.get("/calls.json", params={"run": place.seeded.run})).json()["calls"]) == 5
        used = await pages.get("/usage")
        assert used.status_code == 200
        assert "+ unpriced" in used.text
        assert used.text.count("<figure") == 6
        rows = (await pages.get("/usage.csv")).text.splitlines()
        assert {row.partition(",")[0] for row in rows} == {"by", "total", "day", "agent", "model", "tool"}
        for path in ("/calls?since=never", "/usage?days=0", "/usage?since=2026-02-01&until=2026-01-01"):
            wrong = await pages.get(path)
            assert wrong.status_code == 400
            assert 'role="alert"' in wrong.text
    async with console_over(place.oversight, BOB) as pages:
        assert (await pages.get("/calls")).status_code == (await pages.get("/usage.csv")).status_code == 403


@pytest.mark.parametrize(
    "query",
    ["days=0399999999", "days=0399" + "9" * 5000, "days=401", "since=9" + "9" * 14, "until=9" + "9" * 14],
)
async def test_a_time_that_no_calendar_has_is_refused_with_words(place: Place, query: str) -> None:
    async with console_over(place.oversight, ADA) as pages:
        for path in ("/usage", "/usage.json", "/usage.csv"):
            answer = await pages.get(f"{path}?{query}")
            assert (answer.status_code, "is no" in answer.text) == (400, True), path
        if not query.startswith("days"):
            assert (await pages.get(f"/calls?{query}")).status_code == 400


async def test_usage_ends_now_whatever_end_is_asked_for(place: Place) -> None:
    found = await place.usage.of(ADA, place.now - DAY, 2**53)
    assert found.days[-1].name == (await place.usage.of(ADA, place.now - DAY)).days[-1].name
    assert await place.usage.of(ADA, 2**53 - 1, 2**53)  # of a time to come there is nothing


async def test_days_are_counted_before_anybody_looks(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_oversight, "AHEAD_AFTER", 0)
    monkeypatch.setattr(usage_oversight, "AHEAD_PAUSE", 0)
    await count_ahead(place.ledger, [ADA.tenant], lambda: place.now)
    read: list[int] = []
    really = days.read_days

    def counted(connection: Any, tenant: str, since: int, until: int) -> Any:
        read.append((until - since) // DAY)
        return really(connection, tenant, since, until)

    monkeypatch.setattr(days, "read_days", counted)
    shown = await place.usage.of(ADA, place.now - 20 * DAY)
    assert shown.total.calls is not None
    assert not any(read)  # the ends of the time, and no whole day
