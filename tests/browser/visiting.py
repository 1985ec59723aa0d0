"""A person's browser: pages that are signed in, in every size and colour, and what they complain of."""

from typing import Any, Literal, get_args

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, StorageState, ViewportSize

from tests.browser.started import Started

CHROMIUM = "/usr/bin/chromium"
WIDE, NARROW = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)
Colours = Literal["light", "dark"]
COLOURS: tuple[Colours, ...] = get_args(Colours)
LOOKS: tuple[tuple[ViewportSize, Colours], ...] = ((WIDE, "light"), (NARROW, "dark"))


class Visitor:
    """Opens pages, each in a context of its own; they are closed together."""

    def __init__(self, browser: Browser, at: Started, signed_in: StorageState) -> None:
        self._browser, self._signed_in = browser, signed_in
        self._contexts: list[BrowserContext] = []
        self.at = at
        self.complaints: list[str] = []
        """Errors and warnings of the console and uncaught exceptions. There must be none at a test's end: one that
        expects some takes them out."""

    async def opens(
        self,
        path: str = "/",
        *,
        size: ViewportSize = WIDE,
        colours: Colours = "light",
        javascript: bool = True,
        signed_in: bool = True,
    ) -> Page:
        """The page at this path, for the person at this computer, or with `signed_in=False` for a stranger."""
        more: dict[str, Any] = {"storage_state": self._signed_in} if signed_in else {}
        context = await self._browser.new_context(
            base_url=self.at.url,
            viewport=size,
            color_scheme=colours,
            java_script_enabled=javascript,
            reduced_motion="reduce",
            **more,
        )
        self._contexts.append(context)
        context.set_default_timeout(20_000)
        page = await context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        await page.goto(path)
        return page

    async def leave(self) -> None:
        for context in self._contexts:
            await context.close()

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.location.get('url', '')}: {message.text}")


async def signs_in(page: Page, at: Started, path: str = "/") -> None:
    """By a one-time link, as `toolward console` gives."""
    await page.goto(at.link(path))
    await page.get_by_role("button", name="Sign in").click()
