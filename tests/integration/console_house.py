"""The console of a real gateway, visited without sockets: pages are read as a browser would read them, and forms
are sent with what stands in them."""

import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from selectolax.lexbor import LexborHTMLParser, LexborNode

from gateway.bootstrap import Gateway, make_link, open_gateway
from gateway.bootstrap.console import make_console
from gateway.bootstrap.identity import authentication
from gateway.bootstrap.oversight import oversight_of
from gateway.config.parse import read_settings
from tests.contract.drivers import FIXTURE
from toolward.doors.entrance import Entrance

CONFIG = """
version: 1
http: 127.0.0.1:0
grpc: 127.0.0.1:0
backends:
  fixture: {command: [COMMAND], env: {PYTHONPATH: ROOT}}
policies: [policy.yaml]
agents: [clerk.yaml]
"""
AGENT = "{name: clerk, instructions: You help., description: Answers by itself., model: offline}"
POLICY = """
version: 1
rules:
  - {id: everything, principals: ["role:operator"], tools: ["fixture.*"], effect: allow}
  - id: no-thirteen
    description: Thirteen is not added.
    tools: [fixture.add]
    when: given.b && args.b == 13
    effect: deny
  - {id: echo-asks, tools: [fixture.echo], effect: ask, approvers: [self]}
  - {id: at-home, principals: ["role:operator"], operations: ["*"], effect: allow}
"""


class Page:
    """What a browser was given."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status, self.url, self.headers = answer.status_code, answer.url, answer.headers
        self.html = LexborHTMLParser(answer.text)

    @property
    def text(self) -> str:
        """Of the main part, with single spaces."""
        main = self.html.css_first("main")
        return " ".join((main.text() if main else "").split())

    def one(self, selector: str) -> LexborNode:
        found = self.html.css(selector)
        assert len(found) == 1, f"{len(found)} of {selector}"
        return found[0]

    def links(self) -> list[str]:
        return [one.attributes.get("href") or "" for one in self.html.css("main a")]

    def fields(self, form: str) -> dict[str, str]:
        """What a form would send, as it stands."""
        found: dict[str, str] = {}
        for one in self.one(form).css("input[name], textarea[name], select[name]"):
            name, value = one.attributes["name"] or "", one.attributes.get("value")
            if one.tag == "textarea":
                value = one.text()
            elif one.tag == "select":
                chosen = one.css_first("option[selected]") or one.css_first("option")
                value = chosen.attributes.get("value") if chosen else ""
            found[name] = value or ""
        return found


class Visitor:
    """A browser, without its window."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str) -> Page:
        return Page(await self.client.get(path, follow_redirects=True))

    async def send(self, page: Page, form: str, **typed: str) -> Page:
        """The form of a page (a selector), with this typed into it, or pressed."""
        fields = page.fields(form) | {name.replace("__", "."): value for name, value in typed.items()}
        to = page.one(form).attributes.get("action") or str(page.url)
        return Page(await self.client.post(to, data=fields, follow_redirects=True))

    async def sign_in(self, gateway: Gateway) -> None:
        page = await self.get(f"/sign-in?code={make_link(gateway.home)}")
        assert (await self.send(page, 'form[action="/sign-in"]')).status == 200

    async def sign_in_by(self, token: str) -> None:
        page = await self.send(await self.get("/sign-in"), 'form[action="/sign-in"]', token=token)
        assert page.status == 200


@asynccontextmanager
async def gateway_with(
    folder: Path, *, config: str = CONFIG, policy: str = POLICY, environment: Mapping[str, str] | None = None
) -> AsyncGenerator[Gateway]:
    """A gateway with the fixture server of the contract tests, whose policy and agents are in `folder`."""
    for name, text in (("policy.yaml", policy), ("clerk.yaml", AGENT), ("toolward.yaml", config)):
        made = text.replace("COMMAND", ", ".join(FIXTURE)).replace("ROOT", str(Path.cwd()))
        made = made.replace("PYTHON,", f"{sys.executable},")
        (folder / name).write_text(made, encoding="utf-8")
    settings = read_settings(folder / "toolward.yaml")
    async with open_gateway(settings, folder / "home", environment=environment or {}) as gateway:
        yield gateway


@asynccontextmanager
async def visiting(gateway: Gateway, *, signed_in: bool = True) -> AsyncGenerator[Visitor]:
    """Somebody who looks at the console of this gateway: the person at this computer, unless they are not signed
    in."""
    app = make_console(
        gateway, Entrance(), authentication(gateway), oversight_of(gateway), port=8700, secure=False
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8700") as client:
        visitor = Visitor(client)
        if signed_in:
            await visitor.sign_in(gateway)
        yield visitor
