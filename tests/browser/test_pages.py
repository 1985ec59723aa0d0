"""Every page that the navigation leads to, as axe-core sees it: in both colours and sizes, with the browser's
console silent."""

import pytest
from playwright.async_api import expect

from tests.browser.accessible import assert_accessible
from tests.browser.seeded import Seeded
from tests.browser.visiting import COLOURS, NARROW, WIDE, Visitor

READY = ("/", "/help", "/sign-in", "/docs")


@pytest.mark.parametrize("path", READY)
async def test_axe_finds_nothing(visitor: Visitor, seeded: Seeded, path: str) -> None:
    page = await visitor.opens(path)
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    for size in (WIDE, NARROW):
        await page.set_viewport_size(size)
        for colours in COLOURS:
            await page.emulate_media(color_scheme=colours)
            await assert_accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"], (
            "it scrolls aside"
        )
