"""One of our servers as a client's file has it, as a text to paste, and as a link that a client opens."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import quote

from gateway.desktop import json_members, toml_tables
from gateway.desktop.clients import Client
from toolward.errors import InvalidRequest
from toolward.types import Json, JsonObject

PLACEHOLDER = "YOUR-KEY"


class Server(NamedTuple):
    """What a client is to start, or, with `url`, to call. `passed` are variables of the client's own environment
    that the program gets, `key` the one that holds the API key."""

    name: str
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    passed: tuple[str, ...] = ()
    url: str = ""
    key: str = ""


class Format(NamedTuple):
    """How a text is read, and one entry put into it and taken out."""

    read: Callable[[str, str], Json]
    put: Callable[[str, tuple[str, ...], JsonObject, str], str]
    take: Callable[..., str]


FORMATS = {
    "json": Format(json_members.value_of, json_members.with_member, json_members.without_member),
    "toml": Format(toml_tables.value_of, toml_tables.with_table, toml_tables.without_table),
}


def place(client: Client, name: str) -> tuple[str, str]:
    return client.servers, name


def entry(client: Client, server: Server, *, to_paste: bool = False) -> JsonObject:
    """Raises InvalidRequest where a client's file has no such thing. `to_paste` is for a person, who puts the key
    in where the client cannot take it from its environment."""
    kind = client.types[bool(server.url)]
    said: JsonObject = {"type": kind} if kind else dict(client.also)
    if server.url:
        return said | _at_url(client, server, to_paste)
    said["command"], said["args"] = server.command[0], list(server.command[1:])
    env: JsonObject = dict(server.env)
    if server.passed and client.format == "toml":
        said["env_vars"] = list(server.passed)
    elif server.passed:
        if not client.reference:
            raise InvalidRequest(
                f"{client.title} cannot fill in variables of its environment.",
                hint="Give the value: --env NAME=VALUE",
            )
        env |= {name: client.reference % name for name in server.passed}
    return said | ({"env": env} if env else {})


def _at_url(client: Client, server: Server, to_paste: bool) -> JsonObject:
    if not client.url:
        raise InvalidRequest(
            f"{client.title} takes no server at a URL from its file. {client.note}",
            hint="Connect it over stdio: leave --http away.",
        )
    said: JsonObject = {client.url: server.url}
    if not server.key:
        return said
    if client.format == "toml":
        return said | {"bearer_token_env_var": server.key}
    if not client.reference and not to_paste:
        raise InvalidRequest(
            f"{client.title} takes a key only as plain text in its file, where we put none.",
            hint="Connect it over stdio, which needs no key: leave --http away. Or put the key in by hand: "
            f"toolward client print {client.name} --http",
        )
    key = client.reference % server.key if client.reference else PLACEHOLDER
    return said | {"headers": {"Authorization": f"Bearer {key}"}}


def snippet(client: Client, server: Server) -> str:
    """The text of a file that has nothing but this. Raises InvalidRequest."""
    said = entry(client, server, to_paste=True)
    return FORMATS[client.format].put("", place(client, server.name), said, "")


def link(client: Client, server: Server) -> str:
    """What opens the client and asks the person there; empty where it has no such link. Raises InvalidRequest."""
    if client.name not in _LINKS:
        return ""
    return _LINKS[client.name](server.name, entry(client, server, to_paste=True))


def _cursor(name: str, said: JsonObject) -> str:
    return f"cursor://anysphere.cursor-deeplink/mcp/install?name={quote(name)}&config={_base64(said)}"


def _vscode(name: str, said: JsonObject) -> str:
    return f"vscode:mcp/install?{quote(json.dumps({'name': name, **said}), safe='')}"


def _lmstudio(name: str, said: JsonObject) -> str:
    return f"lmstudio://add_mcp?name={quote(name)}&config={_base64(said)}"


_LINKS = {"cursor": _cursor, "vscode": _vscode, "lmstudio": _lmstudio}


def _base64(said: JsonObject) -> str:
    return quote(base64.b64encode(json.dumps(said).encode()).decode(), safe="")
