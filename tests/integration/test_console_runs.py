"""The room *Runs*, read as a browser would read it, over real runs with a scripted model."""

import asyncio
import csv
import io
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from gateway.runs.runner import Runs
from gateway.servers.console import runs as room
from gateway.servers.console.app import console_app
from gateway.servers.console.pages import Pages
from gateway.servers.console.parts import Parts
from gateway.servers.console.sessions import Session, Sessions
from tests.integration.console_house import Page, Visitor
from tests.integration.run_house import ADA, EVE, LEAD, Hanging, House, calls, ended, says, until, waiting
from tests.integration.scripted_tools import Tools
from toolward.types import Answer, Headers, Principal, RunState, ServerInfo

HOSTILE = "=1+1\u202e<img src=x onerror=alert(1)>{{ 7*7 }}"


class Known:
    """Who is signed in: the cookie's subject."""

    async def by_token(self, headers: Headers, token: str) -> Session:
        raise NotImplementedError

    by_link = by_token  # pyright: ignore[reportAssignmentType] -- nobody signs in here

    def principal_of(self, session: Session) -> Principal:
        return {one.id: one for one in (ADA, EVE, LEAD)}[session.subject]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "ledger.db")


@asynccontextmanager
async def looking(runs: Runs, who: Principal = ADA) -> AsyncGenerator[Visitor]:
    sessions = Sessions(b"k" * 32)
    nobody = cast(Any, None)
    parts = Parts(ServerInfo("t", "1"), Pages(sessions), sessions, cast(Any, Known()), Tools(), runs, nobody)
    cookies = {parts.cookie: sessions.written(sessions.begin("principal", who.id))}
    transport = httpx.ASGITransport(console_app(parts, room.shown(parts)))
    async with httpx.AsyncClient(transport=transport, base_url="http://x", cookies=cookies) as client:
        yield Visitor(client)


def asked(page: Page) -> list[str]:
    return [one.text() for one in page.html.css("table.runs th a")]


def rows(html: LexborHTMLParser) -> list[str]:
    """The tree, a line a step, as it is read; bars and times are left out."""
    return [" ".join(one.text().split()) for one in html.css("#steps tbody th")]


# --- the list -------------------------------------------------------------------------------------------


async def a_few(house: House, runs: Runs) -> None:
    house.script(says("One."), calls(("get", "A")), says("Two."), says("Three."), says("Eve's."))
    for who, text in ((ADA, HOSTILE), (ADA, "With a tool"), (ADA, "Third"), (EVE, "Of Eve")):
        run = await runs.start_run(who, "support", text)
        async for _ in runs.watch_run(who, run.id):
            pass


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Third", "With a tool", HOSTILE.replace("\u202e", "\\u202e")]),
        ("tool=crm.get", ["With a tool"]),
        ("tokens=20", ["With a tool"]),
        ("state=failed", []),
        ("agent=nobody", []),
        ("since=1h&until=2020-01-01", []),
        ("owner=*&agent=support", ["Third", "With a tool", HOSTILE.replace("\u202e", "\\u202e")]),
    ],
)
async def test_the_list_has_the_runs_that_fit_and_that_one_may_read(
    house: House, query: str, found: list[str]
) -> None:
    async with house.open() as runs, looking(runs) as visitor:
        await a_few(house, runs)
        page = await visitor.get(f"/runs?{query}")
        assert asked(page) == found
        rest = await visitor.client.get(f"/runs.json?{query}")
        assert [run["input"] for run in rest.json()["runs"]] == [
            text.replace("\\u202e", "\u202e") for text in found
        ]
        table = list(csv.DictReader(io.StringIO((await visitor.client.get(f"/runs.csv?{query}")).text)))
        assert [row["input"].removeprefix("'").replace("\u202e", "\\u202e") for row in table] == found
        assert not [row for row in table if row["input"].startswith("=")]


@pytest.mark.parametrize("query", ["since=gestern", "state=sad", "tokens=-1", "cursor=x", "until=1e99"])
async def test_a_filter_that_is_none_is_told_and_stays_to_be_mended(house: House, query: str) -> None:
    async with house.open() as runs, looking(runs) as visitor:
        page = await visitor.get(f"/runs?{query}&tool=crm.get")
        assert page.status == 400
        assert page.one("[role=alert]").text().strip()
        assert page.fields("form.which")["tool"] == "crm.get"
        assert (await visitor.client.get(f"/runs.json?{query}")).status_code == 400


async def test_a_long_list_is_turned_page_by_page(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.servers.console.runs.listing.SIZE", 2)
    async with house.open() as runs, looking(runs) as visitor:
        await a_few(house, runs)
        first = await visitor.get("/runs?agent=support")
        assert len(asked(first)) == 2
        (older,) = [one for one in first.links() if "cursor=" in one]
        second = await visitor.get(older)
        assert len(asked(second)) == 1
        assert "/runs?agent=support" in second.links()


# --- one run --------------------------------------------------------------------------------------------


async def test_one_run_is_a_tree_and_each_step_says_what_was_asked_sent_and_decided(house: House) -> None:
    house.script(calls(("get", "A"), ("delete", "B"), text="I look."), says("Done."))
    async with house.open() as runs, looking(runs) as visitor:
        run = await ended(runs, await runs.start_run(ADA, "support", HOSTILE))
        page = await visitor.get(f"/runs/{run.id}")
        shown = HOSTILE.replace("\u202e", "\\u202e")
        assert rows(page.html) == [
            f"Input {shown}",
            "Turn 1 I look.",
            'crm.get {"id":"A"}',
            'crm.delete denied {"id":"B"}',
            "Turn 2 Done.",
            "Completed",
        ]
        assert [row.attributes["class"] for row in page.html.css("#steps tbody th")][:4] == [
            "d0",
            "d0",
            "d1",
            "d1",
        ]
        steps = [one for one in page.links() if "?step=" in one]
        turn, call, denied = [(await visitor.get(steps[at])).one("#step").text() for at in (1, 2, 3)]
        assert "I look." in turn
        assert shown in turn
        assert "5 out" in turn
        assert "by the rule reads" in " ".join(call.split())
        assert "no-deletes" in denied
        assert "Nothing is deleted" in denied
        whole = await visitor.client.get(f"/runs/{run.id}.json")
        assert len(whole.json()["events"]) == run.last_seq
        request = await visitor.client.get(f"/runs/{run.id}/requests/1.json")
        assert request.json()["messages"][-1]["text"] == HOSTILE
        for link in page.links():
            if link.startswith(f"/runs/{run.id}"):
                assert (await visitor.client.get(link)).status_code == 200, link


@pytest.mark.parametrize(
    "path", ["/runs/{id}", "/runs/{id}.json", "/runs/{id}/live", "/runs/{id}/requests/1.json"]
)
async def test_who_may_not_read_a_run_sees_nothing_of_it(house: House, path: str) -> None:
    house.script(says("Secret."))
    async with house.open() as runs, looking(runs, EVE) as visitor:
        run = await ended(runs, await runs.start_run(ADA, "support", "Secret"))
        for name, status in ((run.id, (403, 404)), ("run_none", (404,))):
            answer = await visitor.client.get(path.format(id=name))
            assert answer.status_code in status
            assert "Secret" not in answer.text
        assert (await visitor.client.get(f"/runs/{run.id}?step=x")).status_code >= 400


# --- controls -------------------------------------------------------------------------------------------


async def test_a_run_is_paused_resumed_and_cancelled_by_forms(house: House) -> None:
    house.script(calls(("refund", "A")))
    async with house.open() as runs, looking(runs) as visitor:
        run = await runs.start_run(ADA, "support", "Refund A.")
        await waiting(runs, run)
        page = await visitor.get(f"/runs/{run.id}")
        for name, state in (("pause", "paused"), ("resume", "input required"), ("cancel", "cancelled")):
            page = await visitor.send(page, f'form[action="/runs/{run.id}/{name}"]')
            assert page.one("#run-state").text().strip() == state
        assert not page.html.css(f'form[action="/runs/{run.id}/send"]')


async def test_one_goes_on_with_a_run_rates_it_and_retries_it_from_a_step(house: House) -> None:
    house.script(calls(("get", "A")), says("First."), says("Second."), calls(("get", "B")), says("Other."))
    async with house.open() as runs, looking(runs) as visitor:
        run = await ended(runs, await runs.start_run(ADA, "support", "Look."))
        page = await visitor.get(f"/runs/{run.id}")
        send = f'form[action="/runs/{run.id}/send"]'
        await visitor.send(page, send, text="More?")
        await visitor.send(page, send, text="More?")  # sent twice, said once
        await until(runs, run.id, "run_completed", run.last_seq)
        page = await visitor.get(f"/runs/{run.id}")
        assert [row for row in rows(page.html) if "wrote" in row] == ["ada wrote More?"]
        assert "Second." in page.text
        page = await visitor.send(page, f'form[action="/runs/{run.id}/rate"]', score="-1", comment="Too slow")
        assert "Rated -1 by ada Too slow" in rows(page.html)

        step = await visitor.get([one for one in page.links() if "?step=" in one][1])
        retried = await visitor.send(step, f'form[action="/runs/{run.id}/retry"]')
        assert str(retried.url.path) not in (f"/runs/{run.id}", "/runs")
        new = await ended(runs, await runs.get_run(ADA, retried.url.path.removeprefix("/runs/")))
        assert (new.parent, new.answer) == (run.id, "Other.")
        page = await visitor.get(f"/runs/{new.id}")
        assert f"Retried by ada from event 2 of {run.id}" in rows(page.html)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("send", {"text": "  "}),
        ("rate", {"score": "very"}),
        ("rate", {"score": "7"}),
        ("retry", {"after": "x"}),
        ("retry", {"after": "99"}),
    ],
)
async def test_a_form_that_says_nothing_changes_nothing(
    house: House, name: str, form: dict[str, str]
) -> None:
    house.script(says("Done."))
    async with house.open() as runs, looking(runs) as visitor:
        run = await ended(runs, await runs.start_run(ADA, "support", "Hello."))
        csrf = (await visitor.get(f"/runs/{run.id}")).fields(f'form[action="/runs/{run.id}/rate"]')["csrf"]
        answer = await visitor.client.post(f"/runs/{run.id}/{name}", data=form | {"csrf": csrf})
        assert answer.status_code == 400
        assert (await runs.get_run(ADA, run.id)).last_seq == run.last_seq


# --- live -----------------------------------------------------------------------------------------------


def put(page: LexborHTMLParser, sent: str) -> list[str]:
    """What `static/live.js` does with what it is sent; the names of all events."""
    names: list[str] = []
    for event in sent.split("\n\n"):
        lines = event.split("\n")
        name = lines[0].removeprefix("event: ")
        names.append(name)
        if name != "put":
            continue
        data = "\n".join(line.removeprefix("data: ") for line in lines if line.startswith("data:"))
        around = "table" if data.lstrip().startswith("<tbody") else "main"  # as a browser's template takes it
        for fresh in LexborHTMLParser(f"<{around}>{data}</{around}>").css(f"{around} > [id]"):
            _put_one(page, fresh)
    return names


def _put_one(page: LexborHTMLParser, fresh: LexborNode) -> None:
    old = page.css_first(f"#{fresh.attributes['id']}")
    if old is not None:
        old.replace_with(fresh)
    else:
        into = page.css_first(fresh.attributes.get("data-into") or "none")
        assert into is not None, fresh.attributes
        into.insert_child(fresh)


@pytest.mark.parametrize("step", ["", "?step=1"])
async def test_what_is_sent_makes_of_the_page_what_loading_it_anew_shows(house: House, step: str) -> None:
    hanging = Hanging()
    house.backends.answers["crm.get"] = hanging
    house.script(
        calls(("get", "A"), ("refund", "B")), calls(("note", "C"), text="Now this."), says("All done.")
    )
    async with house.open() as runs, looking(runs) as visitor:
        run = await runs.start_run(ADA, "support", "Do it.")
        await hanging.reached.wait()
        page = await visitor.get(f"/runs/{run.id}{step}")
        live = page.one("[data-live]").attributes["data-live"] or ""
        watching = asyncio.create_task(visitor.client.get(live))
        hanging.let_go.set()
        request = await waiting(runs, run)
        await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
        sent = (await watching).text
        names = put(page.html, sent)
        anew = await visitor.get(f"/runs/{run.id}{step}")
        assert rows(page.html) == rows(anew.html)
        for part in ("#run-state", "#run-answer", "#run-figures", "#step"):
            assert page.one(part).text().split() == anew.one(part).text().split(), part
        assert [row.html for row in page.html.css("#steps svg")] == [
            row.html for row in anew.html.css("#steps svg")
        ]
        assert {"put", "said", "end"} <= set(names)
        assert "hidden" in page.one("#saying").attributes  # what was said while it came is in its step now
        assert not anew.html.css("[data-live]")
        assert (await runs.get_run(ADA, run.id)).state is RunState.COMPLETED


async def test_who_comes_back_is_sent_what_they_missed(house: House) -> None:
    house.script(calls(("get", "A")), says("Done."))
    async with house.open() as runs, looking(runs) as visitor:
        run = await ended(runs, await runs.start_run(ADA, "support", "Look."))
        sent = (
            await visitor.client.get(f"/runs/{run.id}/live?after=1&page=1", headers={"last-event-id": "6"})
        ).text
        assert 'id="s7"' in sent or "Done." in sent
        assert f"id: {run.last_seq}" in sent
        nothing = (await visitor.client.get(f"/runs/{run.id}/live?after={run.last_seq}&page=1")).text
        assert nothing == "event: end\ndata: \n\n"


@pytest.mark.parametrize(("step", "last"), [("", "go"), ("?step=1", "end"), ("?page=1", "end")])
async def test_who_reads_on_is_led_to_the_next_page_of_steps_and_nobody_else(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str, last: str
) -> None:
    monkeypatch.setattr("gateway.servers.console.runs.view.GROUPS", 2)
    hanging = Hanging()
    house.backends.answers["crm.get"] = hanging
    house.script(calls(("note", "C")), calls(("note", "D")), calls(("get", "A")), says("Done."))
    async with house.open() as runs, looking(runs) as visitor:
        run = await runs.start_run(ADA, "support", "Do it.")
        await hanging.reached.wait()
        page = await visitor.get(f"/runs/{run.id}{step}")
        assert rows(page.html)[0].startswith("Input" if step else "Turn 2")
        watching = asyncio.create_task(
            visitor.client.get(page.one("[data-live]").attributes["data-live"] or "")
        )
        hanging.let_go.set()
        await until(runs, run.id)
        names = put(page.html, (await watching).text)
        assert names[-2] == last
        assert ("go" in names) == (last == "go")
