"""Every page that the navigation leads to and one of each kind behind it, as axe-core sees it: in both colours and
sizes, with everything unfolded, and with the browser's console silent."""

import pytest
from playwright.async_api import Page, expect

from gateway.servers.console.pages import NAVIGATION
from tests.browser.accessible import assert_accessible
from tests.browser.seeded import Seeded
from tests.browser.visiting import LOOKS, Visitor

READY = (
    *(where for _, where, _ in NAVIGATION),
    *("/help", "/sign-in", "/docs", "/runs/nowhere"),
    *(f"/inbox/{{{name}}}" for name in ("approval", "question", "escalation")),
    *("/talk/{approval_run}", "/talk/{hostile}"),
    *("/runs?owner=*&since=7d", "/runs/{completed}?step=3", "/runs/{approval_run}", "/runs/{hostile}"),
    *(
        "/calls?effect=deny",
        "/calls/{call}",
        "/policies/why?call={call}",
        "/connect?client=lmstudio&door=http",
    ),
)


@pytest.mark.parametrize("path", READY)
async def test_axe_finds_nothing(visitor: Visitor, seeded: Seeded, path: str) -> None:
    page = await visitor.opens(path.format_map(seeded._asdict()))
    await _looked_at(page)
    if path == "/runs/nowhere":
        visitor.complaints[:] = [one for one in visitor.complaints if "404" not in one]


async def test_axe_finds_nothing_where_a_tool_was_tried(visitor: Visitor) -> None:
    page = await visitor.opens("/tools/crm.refund_payment")
    await page.get_by_label("payment_id").fill("PAY-5007")
    await page.get_by_label("amount_minor").fill("250000")
    await page.get_by_label("reason").fill("goodwill " * 20)
    await page.get_by_role("button", name="Check against policy").click()
    await expect(page.get_by_role("status").first).to_contain_text("This call may not be made")
    await _looked_at(page)


async def test_axe_finds_nothing_where_a_change_was_tried(visitor: Visitor, seeded: Seeded) -> None:
    page = await visitor.opens(f"/policies/change?call={seeded.call}")
    await page.get_by_role("button", name="Try it").click()
    await expect(page.locator(".compared")).to_contain_text("With this text")
    await _looked_at(page)


async def _looked_at(page: Page) -> None:
    """What colours there are does not depend on the size, so two of the four looks show what is to be seen."""
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await page.evaluate("document.querySelectorAll('main details').forEach((one) => one.open = true)")
    for size, colours in LOOKS:
        await page.set_viewport_size(size)
        await page.emulate_media(color_scheme=colours)
        await assert_accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"], (
            "it scrolls aside"
        )
