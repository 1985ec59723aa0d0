"""The six interactions that must feel great, each from where it starts, in at most three steps: without a mouse,
and without JavaScript on a narrow screen. What was done is looked up in the gateway by REST.

Editing a request, talking, watching a run live and steering it are in the tests of those rooms."""

import csv
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, ViewportSize, expect

from gateway.servers.console.telling import money
from tests.browser.seeded import Seeded
from tests.browser.test_answering import asks_for, tabs_to
from tests.browser.visiting import NARROW, WIDE, Colours, Visitor

MOST = 3
WHOLE_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
LOOKS: dict[str, tuple[ViewportSize, Colours]] = {
    "keys alone": (WIDE, "dark"),
    "no script": (NARROW, "light"),
}


class Person:
    """Who has no mouse, or no JavaScript. What counts as a step is a click or a key that does something; to come to
    a place is none, be it by moving the mouse, with Tab or with j."""

    def __init__(self, page: Page, *, keys: bool) -> None:
        self.page, self.keys, self.steps = page, keys, 0

    async def takes(self, what: Locator, key: str = "") -> None:
        """`key` is the page's own for it."""
        self.steps += 1
        if not self.keys:
            await what.click()
            return
        if key:
            await self.page.keyboard.press(key)
            self.steps += key != "j"
            while key == "j" and not await what.evaluate("one => one === document.activeElement"):
                await self.page.keyboard.press(key)
            await expect(what).to_be_focused()
        await tabs_to(what)
        await self.page.keyboard.press("Enter")

    async def writes(self, text: str, into: Locator, key: str = "") -> None:
        """Enter then sends the form."""
        if key and self.keys:
            self.steps += 1
            await self.page.keyboard.press(key)
            await expect(into).to_be_focused()
        await tabs_to(into) if self.keys else await into.click()
        await self.page.keyboard.type(text)


Comes = Callable[[str], Awaitable[Person]]


@pytest.fixture(params=LOOKS)
async def comes(request: pytest.FixtureRequest, visitor: Visitor) -> Comes:
    """Somebody opens the page at a path."""
    size, colours = LOOKS[request.param]
    keys = request.param == "keys alone"

    async def comes(path: str) -> Person:
        return Person(await visitor.opens(path, size=size, colours=colours, javascript=keys), keys=keys)

    return comes


def read(visitor: Visitor, path: str, **query: str) -> Any:
    with visitor.at.client() as client:
        return client.get(path, params=query).raise_for_status().json()


async def comes_to(state: Locator, said: str, *, live: bool) -> None:
    """By itself, or as somebody without a script sees it, by loading the page again."""
    while not live and await state.inner_text() != said:
        await state.page.reload()
    await expect(state).to_have_text(said, timeout=20_000)


@pytest.mark.parametrize("approves", [True, False], ids=["approve", "deny"])
async def test_a_request_is_decided_on_its_page(
    visitor: Visitor, comes: Comes, approves: bool, request: pytest.FixtureRequest
) -> None:
    where = asks_for(visitor, request.node.name)
    person = await comes(where)
    page = person.page
    await expect(page.locator(".differences")).to_contain_text("cancelled")
    if approves:
        await person.takes(page.get_by_role("button", name="Approve once"), "a")
    else:
        await person.writes("She keeps it", page.get_by_label("Why not"), "d")
        await person.takes(page.get_by_role("button", name="Deny"))
    await expect(page.locator("section.decide")).to_contain_text("approved" if approves else "denied")
    decided = read(visitor, f"/v1/input-requests/{where.rpartition('/')[2]}")
    assert decided["state"] == ("approved" if approves else "denied")
    assert decided["detail"]["answer"].get("reason", "") == ("" if approves else "She keeps it")
    assert person.steps <= MOST


async def test_a_run_is_found_in_the_list_and_watched(visitor: Visitor, comes: Comes) -> None:
    with visitor.at.client() as client:
        body = {"agent": "clerk", "input": "Which of both is meant?"}
        run = client.post("/v1/runs", json=body).raise_for_status().json()["id"]
        person = await comes("/runs")
        page = person.page
        await person.takes(page.locator(f'a[href="/runs/{run}"]'), "j")
        state = page.locator("#run-state")
        await comes_to(state, "input required", live=person.keys)
        (asked,) = client.get("/v1/input-requests", params={"run_id": run}).json()["input_requests"]
        answer = {"choice": "ORD-1003"}
        client.post(f"/v1/input-requests/{asked['id']}/answer", json=answer).raise_for_status()
    await comes_to(state, "completed", live=person.keys)
    await expect(page.locator("#steps")).to_contain_text("people.ask_person")
    assert read(visitor, f"/v1/runs/{run}")["state"] == "completed"
    assert person.steps <= MOST


async def test_why_a_call_was_denied_and_what_a_change_would_do(
    visitor: Visitor, seeded: Seeded, comes: Comes
) -> None:
    person = await comes(f"/calls/{seeded.call}")
    page = person.page
    await expect(page.locator(".sentence")).to_have_text("Denied by the rule no-large-refunds.")
    await person.takes(page.get_by_role("link", name="Why?"))
    await expect(page.locator(".verdict")).to_contain_text("Denied by rule 14 no-large-refunds")
    await expect(page.get_by_role("row", name="larger-refunds")).to_contain_text("its condition is false")
    await person.takes(page.get_by_role("link", name="Try a change").last)
    text = page.get_by_label("The text of the policy file")
    await text.fill((await text.input_value()).replace("amount_minor > 50000", "amount_minor > 5000000"))
    await person.takes(page.get_by_role("button", name="Try it"))
    await expect(page.locator(".compared")).to_contain_text("no-large-refunds")
    await expect(page.locator("main")).to_contain_text("destructive")
    why = read(visitor, f"/v1/calls/{seeded.call}")
    assert why["rule"] == "no-large-refunds", "nothing was changed"
    assert person.steps <= MOST


async def test_a_tool_is_tried_through_policy(visitor: Visitor, seeded: Seeded, comes: Comes) -> None:
    before = read(visitor, "/v1/calls", tool="crm.get_record")["calls"][0]["id"]
    person = await comes("/tools/crm.get_record")
    page = person.page
    await person.writes("ORD-1011", page.get_by_label("record_id"))
    await person.takes(page.get_by_role("button", name="Check against policy"))
    await expect(page.locator(".decided")).to_contain_text("This call may be made")
    assert read(visitor, "/v1/calls", tool="crm.get_record")["calls"][0]["id"] == before
    await person.takes(page.get_by_role("button", name="Call it"))
    await expect(page.get_by_role("heading", name="Result")).to_contain_text("ok")
    await expect(page.get_by_role("heading", name="The same call elsewhere")).to_be_visible()
    made = read(visitor, "/v1/calls", tool="crm.get_record")["calls"][0]
    assert made["id"] != before
    assert read(visitor, f"/v1/calls/{made['id']}")["arguments"] == {"record_id": "ORD-1011"}
    assert person.steps <= MOST


async def test_what_was_done_is_filtered_and_taken_away_as_a_table(
    visitor: Visitor, seeded: Seeded, comes: Comes, tmp_path: Path
) -> None:
    person = await comes("/calls")
    page = person.page
    facets = page.locator("details.facets")
    await person.takes(facets.get_by_role("link", name="deny"))
    await page.wait_for_url("**/calls?*effect=deny*")
    await person.takes(facets.get_by_role("link", name="crm.refund_payment"))
    await page.wait_for_url("**/calls?*tool=crm.refund_payment*")
    await expect(page.get_by_role("row", name="no-large-refunds").locator("time").first).to_have_attribute(
        "title", WHOLE_TIME
    )
    async with page.expect_download() as downloading:
        await person.takes(page.get_by_role("link", name="CSV"))
    await (await downloading.value).save_as(tmp_path / "calls.csv")
    with (tmp_path / "calls.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = read(visitor, "/v1/calls", tool="crm.refund_payment", effect="deny")["calls"]
    assert [row["id"] for row in rows] == [one["id"] for one in found]
    assert seeded.call in {row["id"] for row in rows}
    assert person.steps <= MOST


async def test_what_a_step_cost_and_how_long_it_took(visitor: Visitor, seeded: Seeded, comes: Comes) -> None:
    run = read(visitor, f"/v1/runs/{seeded.priced}")
    person = await comes("/usage")
    page = person.page
    await expect(page.get_by_role("row", name="Waiting for people")).to_be_visible()
    await person.takes(page.get_by_role("link", name="clerk", exact=True))
    await person.takes(page.locator(f'a[href="/runs/{seeded.priced}"]'))
    cost = money(run["cost"])
    await expect(page.locator("#run-figures")).to_contain_text(cost)
    await person.takes(page.locator("#steps").get_by_role("link", name="Turn 1"))
    await expect(page.locator("#step")).to_contain_text(cost)
    await expect(page.locator("#step")).to_contain_text("ms")
    assert person.steps <= MOST
