"""A gateway as a person starts it, for its pages to be looked at: a real process with its tool servers."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import httpx

from gateway.bootstrap import make_link, secret_file
from tests.browser.clerk import AGENT, clerks_model
from tests.e2e.command import Up, serving

_ROOT = Path(__file__).parents[2]
_MORE = """
models:
  default: {{wire: offline}}
  counter: {{wire: openai_chat, base_url: {url}, model: counter, prices: {{input: 2.5, output: 10}}}}
agents: [{agents}, {clerk}]
"""


class Started(NamedTuple):
    url: str
    home: Path

    def link(self, path: str = "/") -> str:
        """A one-time link that then leads to this path."""
        return f"{self.url}/sign-in?code={make_link(self.home)}&next={quote(path, safe='')}"

    def client(self) -> httpx.Client:
        """Of the person at this computer."""
        headers = {"authorization": f"Bearer {secret_file(self.home).read_text().strip()}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def until_all_answer(self, *servers: str) -> None:
        """A gateway is up before its tool servers are. Raises AssertionError where one does not come."""
        latest = time.monotonic() + 60
        with self.client() as client:
            while True:
                listed = client.get("/v1/tools", params={"size": 200}).raise_for_status().text
                missing = [name for name in servers if f'"{name}.' not in listed]
                if not missing:
                    return
                assert time.monotonic() < latest, f"{missing} did not answer: {listed}"


@contextmanager
def started(folder: Path, *servers: str) -> Generator[Started]:
    """`toolward up` with these of the shipped servers, the shipped policy and agents, and one agent more, `clerk`
    (`tests.browser.clerk`)."""
    home, clerk = folder / "home", folder / "clerk.yaml"
    clerk.write_text(AGENT)
    with clerks_model() as url:
        names = servers or ("calculator", "search", "crm")
        config = serving(folder, *names)
        with config.open("a") as file:
            file.write(_MORE.format(url=url, agents=_ROOT / "agents", clerk=clerk))
        up = Up(home, config)
        try:
            at = Started(up.where["http"], home)
            at.until_all_answer(*names)
            yield at
        finally:
            up.stop()
