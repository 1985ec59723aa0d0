"""The page Connect in a browser: copying."""

from playwright.async_api import expect

from tests.browser.visiting import Visitor


async def test_a_snippet_is_copied(visitor: Visitor) -> None:
    page = await visitor.opens("/connect?client=lmstudio&door=http")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.locator('[data-copy="key-command"]').click()
    await expect(page.locator('[data-copy="key-command"]')).to_contain_text("Copied")
    assert (
        await page.evaluate("navigator.clipboard.readText()") == "toolward key create lmstudio --role support"
    )
