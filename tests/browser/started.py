"""A gateway as a person starts it, for its pages to be looked at: a real process with its tool servers."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gateway.bootstrap import make_link
from tests.e2e.command import Up, serving


class Started(NamedTuple):
    url: str
    home: Path

    def link(self, path: str = "/") -> str:
        """A one-time link that then leads to this path."""
        return f"{self.url}/sign-in?code={make_link(self.home)}&next={path}"


@contextmanager
def started(folder: Path, *servers: str) -> Generator[Started]:
    """`toolward up` with these of the shipped servers and the shipped policy."""
    home = folder / "home"
    up = Up(home, serving(folder, *(servers or ("calculator", "search", "crm"))))
    try:
        yield Started(up.where["http"], home)
    finally:
        up.stop()
