"""Why a call was denied, and a change tried: with the keyboard's and the screen reader's eyes, and narrow."""

import pytest
from playwright.async_api import expect

from tests.browser.accessible import assert_accessible
from tests.browser.visiting import COLOURS, NARROW, WIDE, Colours, Visitor

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.mark.parametrize("colours", COLOURS)
async def test_from_a_denial_to_what_a_change_would_do_in_three_clicks(
    visitor: Visitor, colours: Colours
) -> None:
    size = WIDE if colours == "light" else NARROW
    page = await visitor.opens("/policies", size=size, colours=colours, javascript=colours == "light")
    if colours == "light":
        await assert_accessible(page)
    denied = page.locator("#rule-no-large-refunds")
    await expect(denied).to_contain_text("ago")
    await page.goto(
        "/policies/why?tool=crm.refund_payment&arguments="
        "%7B%22payment_id%22%3A%22PAY-5007%22%2C%22amount_minor%22%3A250000%2C%22reason%22%3A%22goodwill%22%7D"
    )
    await expect(page.locator(".answer")).to_contain_text("Denied by rule")
    if colours == "light":
        await assert_accessible(page)
    await page.get_by_role("link", name="Try a change").last.click()
    text = page.get_by_label("The text of the policy file")
    await text.fill((await text.input_value()).replace("amount_minor > 50000", "amount_minor > 500000"))
    await page.get_by_role("button", name="Try it").click()
    await expect(page.locator(".compared")).to_contain_text("With this text")
    await expect(page.locator(".answer")).to_contain_text("destructive")
    overflow = (
        await page.evaluate("document.documentElement.scrollWidth - innerWidth") if colours == "light" else 0
    )
    assert overflow <= 0
    if colours == "light":
        await assert_accessible(page)
