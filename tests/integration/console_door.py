"""A gateway with its HTTP door on loopback, and browsers without JavaScript that come to its console."""

import base64
import html
import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from gateway.bootstrap import Gateway, make_link, open_doors, open_gateway
from gateway.config.parse import read_settings

CONFIG = """
version: 1
http: 127.0.0.1:0
grpc: 127.0.0.1:0
models: {default: {wire: offline}}
principals:
  - {id: local, roles: [operator]}
  - {id: ada, roles: [support], token: adas-token-0123456789}
"""


class ConsoleHouse:
    def __init__(self, gateway: Gateway, url: str) -> None:
        self.gateway, self.url = gateway, url

    def browser(self) -> httpx.AsyncClient:
        """With cookies of its own; it follows no redirect by itself."""
        return httpx.AsyncClient(base_url=self.url, timeout=30)

    def link(self) -> str:
        return make_link(self.gateway.home)


@asynccontextmanager
async def console_house(folder: Path, more: str = "") -> AsyncGenerator[ConsoleHouse]:
    """With this beside the usual configuration."""
    config = folder / "toolward.yaml"
    config.write_text(CONFIG + more)
    async with (
        open_gateway(read_settings(config), folder / "home", environment={}) as gateway,
        open_doors(gateway) as at,
    ):
        yield ConsoleHouse(gateway, f"http://{at.http}")


async def signs_in(browser: httpx.AsyncClient, **form: str) -> httpx.Response:
    """By `token` or `code`."""
    return await browser.post("/sign-in", data=form)


async def who(browser: httpx.AsyncClient) -> str:
    """As whom the pages know this browser; empty where they know it not."""
    answer = await browser.get("/help")
    found = re.search(r"<b>([^<]*)</b>", answer.text)
    return html.unescape(found[1]) if answer.status_code == 200 and found else ""


async def token_of(browser: httpx.AsyncClient) -> str:
    """What this session's forms carry."""
    page = await browser.get("/help")
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return found[1]


async def follows(browser: httpx.AsyncClient, answer: httpx.Response) -> httpx.Response:
    """As far as redirects lead, also to other places."""
    for _ in range(5):
        if answer.status_code != 303:
            return answer
        answer = await browser.get(httpx.URL(str(answer.url)).join(answer.headers["location"]))
    raise AssertionError(f"too many redirects: {answer.headers}")


def cookie_of(browser: httpx.AsyncClient) -> Any:
    """Of the session: name and value."""
    return next(
        (one.name, one.value) for one in browser.cookies.jar if re.fullmatch(r"toolward-\d+", one.name)
    )


def session_of(browser: httpx.AsyncClient) -> Any:
    """What is in it, as anybody can read it: by what, of whom, until when."""
    body = cookie_of(browser)[1].partition(".")[0]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
