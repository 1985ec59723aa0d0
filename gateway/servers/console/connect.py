"""*Connect*: how desktop programs, and all others, get the tools of this gateway."""

from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from starlette.responses import Response

from gateway.desktop.clients import CLIENTS, Client, Machine, client_named
from gateway.desktop.entries import PLACEHOLDER, Server, link, snippet
from gateway.oversight.connecting import Ways
from gateway.servers.console.parts import Parts
from gateway.servers.console.visits import Shown, Visit
from toolward.types import JsonObject

KEY = "TOOLWARD_KEY"
_SYSTEMS = {"Darwin": "macOS", "Linux": "Linux", "Windows": "Windows"}


class Door(NamedTuple):
    """One of the ways, of which one is shown."""

    name: str
    word: str
    href: str
    chosen: bool


def shown(parts: Parts) -> list[Shown]:
    async def page(visit: Visit) -> Response:
        ways = parts.oversight.connecting.ways(visit.principal)
        client = client_named(visit.query.get("client", CLIENTS[0].name))
        asked = visit.query.get("door", "")
        door = "http" if ways.stdio is None or asked == "http" else "stdio"
        url = ways.url or f"{visit.request.url.scheme}://{visit.request.url.netloc}/mcp"
        at_url = Server("toolward", url=url, key=KEY)
        return parts.pages.render(
            visit,
            "connect/connect.html",
            here="connect",
            clients=[(one, _address(one, asked)) for one in CLIENTS],
            client=client,
            doors=_doors(client, ways, door),
            door=door,
            ways=ways,
            url=url,
            base=url.removesuffix("/mcp"),
            key=KEY,
            **_steps(client, ways.stdio if door == "stdio" and ways.stdio else at_url),
        )

    return [Shown("/connect", page)]


def _address(client: Client, door: str) -> str:
    return f"/connect?{urlencode({'client': client.name} | ({'door': door} if door else {}))}"


def _doors(client: Client, ways: Ways, chosen: str) -> list[Door]:
    words = {"stdio": "At this computer", "http": "Over HTTP, with a key"}
    possible = ["http"] if ways.stdio is None else ["stdio", "http"]
    return [Door(one, words[one], _address(client, one), one == chosen) for one in possible]


def _steps(client: Client, server: Server) -> JsonObject:
    """What to run, open or paste; empty texts where this client has no such thing."""
    over_http = bool(server.url)
    possible = not over_http or bool(client.url)
    return {
        "possible": possible,
        "by_command": possible and (not over_http or bool(client.reference)),
        "opens": link(client, server) if possible else "",
        "text": snippet(client, server) if possible else "",
        "placeholder": PLACEHOLDER if over_http and not client.reference else "",
        "files": _files(client),
    }


def _files(client: Client) -> list[tuple[str, str]]:
    """Where its file is, by system; under no name where it is the same everywhere."""
    variables = {"APPDATA": "%APPDATA%"}
    found = {
        word: str(client.file_on(Machine(system, Path("~"), variables))) for system, word in _SYSTEMS.items()
    }
    return [("", found["Linux"])] if len(set(found.values())) == 1 else list(found.items())
