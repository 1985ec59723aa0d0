"""One browser and one gateway for all tests of a worker. They are asynchronous: playwright's other interface keeps
an event loop running, beside which no other test could run its own.

    async def test_the_page(visitor: Visitor, seeded: Seeded) -> None:
        page = await visitor.opens(f"/runs/{seeded.completed}", size=NARROW, colours="dark")
        await expect(page.get_by_role("heading", level=1)).to_have_text("…")
        await assert_accessible(page)
"""

from collections.abc import AsyncGenerator, Generator

import pytest
from playwright.async_api import Browser, StorageState, async_playwright

from tests.browser.seeded import Seeded, seed
from tests.browser.started import Started, started
from tests.browser.visiting import CHROMIUM, Visitor, signs_in


@pytest.fixture(scope="session")
def gateway_at(tmp_path_factory: pytest.TempPathFactory) -> Generator[Started]:
    """A gateway that nobody has used. It is shared: tests look for what they made themselves."""
    with started(tmp_path_factory.mktemp("console")) as at:
        yield at


@pytest.fixture(scope="session")
def seeded(gateway_at: Started) -> Seeded:
    """What was done with it before, the same for all: a test that changes something makes its own
    (`tests.browser.seeded.seed` shows how)."""
    return seed(gateway_at)


@pytest.fixture(scope="session")
async def browser() -> AsyncGenerator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        await launched.close()


@pytest.fixture(scope="session")
async def signed_in(browser: Browser, gateway_at: Started) -> StorageState:
    """The cookie of the person at this computer."""
    context = await browser.new_context()
    await signs_in(await context.new_page(), gateway_at)
    state = await context.storage_state()
    await context.close()
    return state


@pytest.fixture
async def visitor(browser: Browser, gateway_at: Started, signed_in: StorageState) -> AsyncGenerator[Visitor]:
    """Opens pages; at the end none of them may have complained."""
    one = Visitor(browser, gateway_at, signed_in)
    yield one
    await one.leave()
    assert not one.complaints, "\n".join(one.complaints)
