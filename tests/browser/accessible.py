"""What axe-core says of a page. Its script is handed to the browser as it is, since the page's own policy lets no
script in that is not ours."""

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Page


@cache
def _script() -> str:
    found = importlib.util.find_spec("axe_playwright_python")
    assert found is not None
    assert found.origin is not None
    return (Path(found.origin).parent / "axe.min.js").read_text()


async def assert_accessible(page: Page) -> None:
    """Nothing is found, of any of axe's rules. Raises AssertionError, which says what and where."""
    await page.evaluate(f"window.axe || (() => {{ {_script()} }})()\n;undefined")
    found: list[Any] = await page.evaluate(
        "async () => (await axe.run({ resultTypes: ['violations'] })).violations"
    )
    assert not found, f"{page.url}\n" + "\n".join(map(_told, found))


def _told(violation: Any) -> str:
    where = "\n".join(
        f"    {json.dumps(node['target'])}: {node['html'][:200]}\n      {node['failureSummary']}"
        for node in violation["nodes"][:5]
    )
    return f"{violation['id']} ({violation['impact']}): {violation['help']}\n{where}"
