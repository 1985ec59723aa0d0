"""Pictures of the console's pages, to be looked at: `python -m tests.browser.shots FOLDER PATH…`.

A gateway is started, and each path is pictured at 1280 and 390 px, light and dark. With `--seeded` it has something
behind it, and paths may name that: `/runs/{completed}`, `/inbox/{approval}` (`tests.browser.seeded.Seeded`).
`--at URL --home HOME` takes pictures of a gateway that runs.
"""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.seeded import seed
from tests.browser.started import Started, started
from tests.browser.visiting import CHROMIUM

SIZES = {"wide": (1280, 900), "narrow": (390, 844)}


def main() -> None:
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("folder", type=Path)
    said.add_argument("paths", nargs="*", default=["/"])
    said.add_argument("--at", default="")
    said.add_argument("--home", type=Path, default=Path())
    said.add_argument("--seeded", action="store_true")
    said.add_argument("--only", default="", help="of wide-light, wide-dark, narrow-light, narrow-dark")
    options = said.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if options.at:
            at = Started(options.at, options.home)
        else:
            at = stack.enter_context(started(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        made = seed(at)._asdict() if options.seeded else {}
        paths = [path.format_map(made) for path in options.paths]
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        for size in SIZES:
            for theme in ("light", "dark"):
                if options.only in f"{size}-{theme}":
                    _take(browser, at, paths, options.folder, size, theme)


def _take(browser: Browser, at: Started, paths: list[str], folder: Path, size: str, theme: str) -> None:
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if theme == "dark" else "light"
    )
    page = context.new_page()
    page.on("console", lambda message: print(f"console: {message.text}"))
    sign_in(page, at)
    for path in paths:
        page.goto(at.url + path)
        file = folder / f"{path.strip('/').replace('/', '-').partition('?')[0] or 'now'}-{size}-{theme}.png"
        page.screenshot(path=file, full_page=True)
        print(file)
    context.close()


def sign_in(page: Page, at: Started) -> None:
    page.goto(at.link())
    page.get_by_role("button", name="Sign in").click()


if __name__ == "__main__":
    main()
