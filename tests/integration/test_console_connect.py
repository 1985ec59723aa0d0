"""The room *Connect*: what each client is told, and who is told how this gateway is started."""

import base64
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from gateway.desktop.clients import CLIENTS
from tests.integration.console_house import CONFIG, Visitor, gateway_with, visiting
from toolward.types import JsonObject

PEOPLE = (
    "principals: [{id: local, roles: [operator]}, {id: ada, roles: [support], token: a-token-of-adas-own}]\n"
)


@pytest.fixture(scope="module")
async def visitor(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Visitor]:
    folder = tmp_path_factory.mktemp("connect")
    async with gateway_with(folder) as gateway, visiting(gateway) as one:
        yield one


@pytest.mark.parametrize("client", CLIENTS, ids=[one.name for one in CLIENTS])
@pytest.mark.parametrize("door", ["stdio", "http"])
async def test_every_client_at_both_doors(visitor: Visitor, client: str, door: str) -> None:
    one = next(found for found in CLIENTS if found is client)
    page = await visitor.get(f"/connect?client={one.name}&door={door}")
    assert page.status == 200
    assert page.one("#chosen").text() == one.title
    assert page.one('.clients [aria-current="true"]').text() == one.title
    commands = [node.text() for node in page.html.css("#connect-command")]
    if door == "stdio":
        assert commands == [f"toolward client connect {one.name}"]
        assert "toolward.yaml" in page.one("#snippet").text()
    elif one.url:
        assert commands == ([f"toolward client connect {one.name} --http"] if one.reference else [])
        assert "http://127.0.0.1:8700/mcp" in page.one("#snippet").text()
        assert page.one("#key-command").text() == f"toolward key create {one.name} --role support"
    else:
        assert "takes no server at a URL" in page.text


async def test_a_link_says_what_the_snippet_says(visitor: Visitor) -> None:
    page = await visitor.get("/connect?client=cursor")
    said = json.loads(page.one("#snippet").text())["mcpServers"]["toolward"]
    link = urlsplit(page.one(".steps a.button").attributes["href"] or "")
    assert json.loads(base64.b64decode(parse_qs(link.query)["config"][0])) == said
    page = await visitor.get("/connect?client=vscode&door=http")
    opens: JsonObject = json.loads(
        unquote((page.one(".steps a.button").attributes["href"] or "").partition("?")[2])
    )
    assert opens.pop("name") == "toolward"
    assert opens == json.loads(page.one("#snippet").text())["servers"]["toolward"]


async def test_an_unknown_client_is_told_with_the_nearest(visitor: Visitor) -> None:
    page = await visitor.get("/connect?client=curser")
    assert page.status == 404
    assert "Did you mean cursor?" in page.text


async def test_paths_of_the_gateways_computer_are_for_its_own_person(tmp_path: Path) -> None:
    async with (
        gateway_with(tmp_path, config=CONFIG + PEOPLE) as gateway,
        visiting(gateway, signed_in=False) as visitor,
    ):
        page = await visitor.get("/connect")
        await visitor.send(page, 'form[action="/sign-in"]', token="a-token-of-adas-own")
        for door in ("stdio", "http"):
            page = await visitor.get(f"/connect?client=cursor&door={door}")
            assert "http://127.0.0.1:8700/mcp" in page.one("#snippet").text()
            assert str(tmp_path) not in (page.html.html or "")
            assert "bin/toolward" not in (page.html.html or "")
