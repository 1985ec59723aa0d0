"""The tools of the four servers, as they offer them."""

import asyncio
from importlib import import_module
from typing import Any, cast

from docs.site.markdown import code, page, prose, table
from toolward.kit import ToolServer
from toolward.types import JsonObject, Principal, Tool

SERVERS = ("calculator", "files", "crm", "search")


def offered(name: str) -> tuple[ToolServer[Any], list[Tool]]:
    """A server and all its tools; the server is not started."""
    server: ToolServer[Any] = import_module(f"toolservers.{name}.tools").server
    return server, asyncio.run(_all(server))


async def _all(server: ToolServer[Any]) -> list[Tool]:
    found: list[Tool] = []
    cursor: str | None = None
    while True:
        listed = await server.list_tools(Principal("reader"), cursor)
        found += listed.tools
        if (cursor := listed.next_cursor) is None:
            return found


def tools_page() -> str:
    parts = [
        "What each server offers as it is started without settings, written from the servers. Which of "
        "them you may call "
        "is for policy to say; `toolward tool show NAME` prints a tool with its whole schemas."
    ]
    for name in SERVERS:
        server, tools = offered(name)
        parts += [f"## {name}", prose(server.info.instructions or ""), f"More: [{name}](../{name}.md)."]
        for tool in tools:
            parts += [f"### {name}.{tool.name}", prose(tool.description), _takes(tool), _gives(tool)]
    return page("Tools of the four servers", *parts)


def _takes(tool: Tool) -> str:
    schema = tool.input_schema
    needed = cast(list[str], schema.get("required", []))
    rows = [
        (code(key), _type(schema, of), "yes" if key in needed else "", prose(str(of.get("description", ""))))
        for key, of in cast(dict[str, JsonObject], schema.get("properties", {})).items()
    ]
    return table(("argument", "type", "needed", "meaning"), rows) or "It takes no arguments."


def _gives(tool: Tool) -> str:
    said = tool.annotations or {}
    hints = {
        "reads only": said.get("readOnlyHint"),
        "may destroy": said.get("destructiveHint"),
        "a repeat changes nothing more": said.get("idempotentHint"),
    }
    held = [words for words, holds in hints.items() if holds]
    keys = list(cast(JsonObject, (tool.output_schema or {}).get("properties", {})))
    gives = f"Gives {', '.join(map(code, keys))}." if keys else ""
    return " ".join(part for part in (gives, f"The server says: {', '.join(held)}." if held else "") if part)


def _type(whole: JsonObject, of: JsonObject) -> str:
    """A schema in a few words."""
    if isinstance(reference := of.get("$ref"), str):
        found = whole.get("$defs", {}).get(reference.rpartition("/")[2], {})
        return _type(whole, found)
    if "enum" in of:
        return " or ".join(code(str(one)) for one in of["enum"])
    if "const" in of:
        return code(str(of["const"]))
    for key in ("anyOf", "oneOf"):
        if key in of:
            kinds = [_type(whole, one) for one in of[key]]
            return " or ".join(dict.fromkeys(kind for kind in kinds if kind != "null"))
    kind = of.get("type", "anything")
    if kind == "array":
        return f"list of {_type(whole, of.get('items', {}))}"
    return " or ".join(cast(list[str], kind)) if isinstance(kind, list) else str(kind)
