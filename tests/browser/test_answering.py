"""Deciding and talking in a real browser: by keys alone, live, and without a script."""

import re

import pytest
from playwright.async_api import Locator, expect

from tests.browser.accessible import assert_accessible
from tests.browser.seeded import Seeded
from tests.browser.visiting import LOOKS, Visitor

CANCEL = {"order_id": "ORD-1017", "change": "cancel"}


def asks_for(visitor: Visitor, reason: str) -> str:
    """The path of a request of its own."""
    with visitor.at.client() as client:
        client.post("/v1/tools/crm.change_order/calls", json=CANCEL | {"reason": reason})
        listed = client.get("/v1/input-requests").raise_for_status().json()["input_requests"]
        return next(
            f"/inbox/{one['id']}"
            for one in listed
            if one["detail"].get("arguments", {}).get("reason") == reason
        )


async def tabs_to(place: Locator) -> None:
    """From field to field, as somebody without a mouse does."""
    while not await place.evaluate("one => one === document.activeElement"):
        await place.page.keyboard.press("Tab")


async def test_a_request_that_can_be_previewed_is_accessible(visitor: Visitor) -> None:
    page = await visitor.opens(asks_for(visitor, "to be looked at"))
    await page.evaluate("document.querySelectorAll('main details').forEach((one) => one.open = true)")
    for size, colours in LOOKS:
        await page.set_viewport_size(size)
        await page.emulate_media(color_scheme=colours)
        await assert_accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]


async def test_a_request_is_edited_looked_at_and_approved_by_keys_alone(visitor: Visitor) -> None:
    page = await visitor.opens("/inbox")
    await expect(page.get_by_text("live", exact=True)).to_be_visible()
    path = asks_for(visitor, "by keys alone")
    link = page.locator(f'a[href="{path}"]')
    await expect(link).to_be_visible(timeout=20_000)  # it came by itself
    assert await page.evaluate("document.activeElement === document.body")
    for _ in range(await page.locator("a[data-row]").count()):
        await page.keyboard.press("j")
        if await link.evaluate("one => one === document.activeElement"):
            break
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="crm.change_order")).to_be_visible()
    await expect(page.get_by_role("row", name="status placed cancelled")).to_be_visible()
    await page.keyboard.press("e")
    await tabs_to(page.get_by_label(re.compile("^reason")))
    await page.keyboard.press("ControlOrMeta+A")
    await page.keyboard.type("She changed her mind")
    await tabs_to(page.get_by_role("button", name="Show what changes"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("row", name="reason by keys alone She changed her mind")).to_be_visible()
    await page.keyboard.press("e")
    await tabs_to(page.get_by_role("button", name="Approve with these"))
    await page.keyboard.press("Enter")
    await expect(page.locator("section.decide")).to_contain_text("approved")
    await expect(page.get_by_text("Changed by local", exact=True)).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False], ids=["live", "without a script"])
async def test_an_agent_is_talked_to_and_its_question_answered_in_place(
    visitor: Visitor, seeded: Seeded, javascript: bool
) -> None:
    page = await visitor.opens("/talk", javascript=javascript)
    await page.get_by_role("radio", name="Clerk").check()
    await page.get_by_label("What is to be done?").fill("Which order is late?")
    await page.get_by_role("button", name="Ask", exact=True).click()
    await page.wait_for_url("**/talk/run_*")
    choice = page.get_by_role("radio", name="ORD-1007")
    while not javascript and not await choice.count():
        await page.get_by_role("link", name="load again").click()
    await choice.check()
    await page.get_by_role("button", name="Answer").click()
    answer = page.locator("#turn-2")
    while not javascript and not await answer.count():
        await page.reload()
    await expect(answer).to_contain_text("Thank you. I go by this:")
    await expect(page.locator("#lines")).to_contain_text("ORD-1007")
