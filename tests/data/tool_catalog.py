"""The catalog and the labelled requests of `tool_catalog.txt` and `tool_requests.txt`, as values."""

import re
from pathlib import Path
from typing import NamedTuple

from gateway.core.ports import ModelTool
from toolward.types import JsonObject

_HERE = Path(__file__).parent
_PARAMETER = re.compile(
    r'(?P<name>\w+)(?P<optional>\??)(?::(?P<type>[\w/ ]*\w))?(?: "(?P<description>[^"]*)")?'
)
_TYPES: dict[str, JsonObject] = {
    "": {"type": "string"},
    "int": {"type": "integer"},
    "num": {"type": "number"},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date-time"},
    "list": {"type": "array", "items": {"type": "string"}},
}
_COMMON = {
    "limit": "How many at most.",
    "cursor": "Where the page before ended.",
    "from": "Beginning of the period, or where it starts.",
    "since": "Only what is newer than this.",
    "currency": "ISO 4217 code, like EUR.",
    "amount_minor": "In the smallest unit of the currency, like cents.",
    "reason": "Why; shown in the history.",
    "repository": "OWNER/NAME.",
    "country": "Two letters, ISO 3166.",
}
"""What servers say of such parameters everywhere."""


class Labelled(NamedTuple):
    tool: str  # alias
    request: str  # as a person writes it to an assistant
    query: str  # as a model writes it to find_tools


def tools() -> list[ModelTool]:
    found: list[ModelTool] = []
    backend = ""
    for line in _lines("tool_catalog.txt"):
        if line.startswith("["):
            backend = line.strip("[]")
            continue
        name, description, parameters = (part.strip() for part in f"{line} ".split(" | "))
        found.append(ModelTool(f"{backend}__{name}", description, _schema(parameters)))
    return found


class Requests(NamedTuple):
    tuning: list[Labelled]
    held_out: list[Labelled]
    fresh: list[Labelled]


def requests() -> Requests:
    rows = [line.split(" | ") for line in _lines("tool_requests.txt")]
    labelled = [Labelled(tool.replace(".", "__"), request, query) for tool, request, query in rows]
    return Requests(labelled[:200:2], labelled[1:200:2], labelled[200:])


def _lines(file: str) -> list[str]:
    text = (_HERE / file).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _schema(parameters: str) -> JsonObject:
    properties: JsonObject = {}
    required: list[str] = []
    for match in _PARAMETER.finditer(parameters):
        name, kind = match["name"], match["type"] or ""
        schema = dict(_TYPES.get(kind) or {"type": "string", "enum": kind.split("/")})
        if said := match["description"] or _COMMON.get(name) or _of_id(name):
            schema["description"] = said
        properties[name] = schema
        if not match["optional"]:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _of_id(name: str) -> str:
    return f"Id of the {name.removesuffix('_id').replace('_', ' ')}." if name.endswith("_id") else ""
