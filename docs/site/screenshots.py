"""`python -m docs.site.screenshots`: the console's screenshot in README.md, of a gateway with work behind it."""

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.seeded import seed
from tests.browser.shots import CHROMIUM, sign_in
from tests.browser.started import started

FOLDER = Path(__file__).parents[1] / "pictures"


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        started(Path(folder)) as at,
        sync_playwright() as playwright,
    ):
        request = seed(at).approval
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for theme in ("light", "dark"):
            page = browser.new_page(
                viewport={"width": 1180, "height": 820}, color_scheme="dark" if theme == "dark" else "light"
            )
            sign_in(page, at)
            page.goto(f"{at.url}/inbox/{request}")
            page.screenshot(path=FOLDER / f"console-{theme}.png")
        browser.close()


if __name__ == "__main__":
    main()
