"""Where a browser or what steers it is missing, the tests of this folder are skipped, and say so. Their fixtures
are in `tests.browser.fixtures`."""

import importlib.util
from pathlib import Path
from typing import NoReturn

import pytest

_CHROMIUM = Path("/usr/bin/chromium")


def _missing() -> str:
    for package in ("playwright", "axe_playwright_python"):
        if importlib.util.find_spec(package) is None:
            return f"the package {package} is missing: make install"
    return "" if _CHROMIUM.is_file() else "Debian's chromium is missing: make browser"


MISSING = _missing()

if not MISSING:
    from tests.browser.fixtures import browser, gateway_at, seeded, signed_in, visitor

    __all__ = ["browser", "gateway_at", "seeded", "signed_in", "visitor"]


class _NotImported(pytest.Module):
    """A module of tests that could not be imported without what is missing."""

    def collect(self) -> NoReturn:
        raise pytest.skip.Exception(MISSING, allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    if not MISSING:
        return None
    return _NotImported.from_parent(parent, path=module_path)  # pyright: ignore[reportUnknownMemberType] -- pytest's
