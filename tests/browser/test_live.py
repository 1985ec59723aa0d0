"""Pages that change while one looks: what they say when they do so no more."""

from playwright.async_api import Route, expect

from tests.browser.visiting import Visitor, signs_in


async def test_signing_out_in_one_window_empties_the_others(visitor: Visitor) -> None:
    page = await visitor.opens("/help", signed_in=False)  # a session of its own, since it ends
    await signs_in(page, visitor.at, "/help")
    other = await page.context.new_page()
    await other.goto("/inbox")
    await expect(other.locator(".live-state")).to_have_text("live")
    await page.get_by_role("button", name="Sign out").click()
    await expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")


async def test_a_page_that_cannot_come_back_says_so(visitor: Visitor) -> None:
    asked = 0

    async def refuse_the_second(route: Route) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            await route.fulfill(content_type="text/event-stream", body="retry: 10\n\n")
        else:
            await route.fulfill(status=403)

    page = await visitor.opens("/help")
    await page.route("**/inbox/live*", refuse_the_second)
    await page.goto("/inbox")
    await expect(page.locator(".live-state")).to_have_text("not live any more: load the page again")
    visitor.complaints[:] = [one for one in visitor.complaints if "403" not in one]
