"""The page Connect in a browser: copying, and what axe-core says of it."""

from playwright.async_api import expect

from tests.browser.accessible import assert_accessible
from tests.browser.visiting import COLOURS, NARROW, WIDE, Visitor


async def test_a_snippet_is_copied_and_axe_finds_nothing(visitor: Visitor) -> None:
    page = await visitor.opens("/connect?client=lmstudio&door=http")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.locator('[data-copy="key-command"]').click()
    await expect(page.locator('[data-copy="key-command"]')).to_contain_text("Copied")
    assert (
        await page.evaluate("navigator.clipboard.readText()") == "toolward key create lmstudio --role support"
    )
    for size in (WIDE, NARROW):
        await page.set_viewport_size(size)
        for colours in COLOURS:
            await page.emulate_media(color_scheme=colours)
            await assert_accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]
