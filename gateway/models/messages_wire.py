"""The Anthropic Messages wire: Anthropic itself, and servers that speak it too (llama.cpp, LiteLLM, others)."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import msgspec

from gateway.core.ports import ModelRequest, ModelTool, OnPiece
from gateway.models.echoed import encoded_members, spliced, tools_so_far
from gateway.models.encoded import PerTools
from gateway.models.messages_reply import MessagesReader
from gateway.models.messages_turns import Turns, mark
from gateway.models.schemas import Adapted, adapted
from gateway.models.wire import Reader, Wire, WireSettings
from toolward.types import JsonObject

DEFAULT_MAX_TOKENS = 8192
"""This wire must be told a bound on the reply; this is it where the configuration says none."""

_ONE_AT_A_TIME = b'{"type":"auto","disable_parallel_tool_use":true}'

# What Anthropic documents for strict tools in one request.
MAX_STRICT_TOOLS = 20
MAX_UNIONS = 16


class _Listed(NamedTuple):
    """A list of tools as it is sent, and how arguments that fit it become those of the tools."""

    encoded: bytes
    adapted: Mapping[str, Adapted]


class MessagesWire(Wire):
    path = "/messages"

    def __init__(self, settings: WireSettings) -> None:
        self._settings = settings
        self._model = msgspec.json.encode(settings.model)
        self._extra = encoded_members(settings.extra)
        self._most = DEFAULT_MAX_TOKENS + _thinking_budget(settings.extra)
        self._tools = PerTools(self._list)
        # One more mark comes with the body's own `cache_control`, and there may be four.
        self._marks_turns = settings.cache and "cache_control" not in settings.extra

    def headers(self, key: str) -> Mapping[str, str]:
        return {"anthropic-version": "2023-06-01", **({"x-api-key": key} if key else {})}

    def encode(self, request: ModelRequest, *, stream: bool) -> bytes:
        turns = self._turns(request)
        most = request.max_output_tokens or self._settings.max_output_tokens or self._most
        body: dict[str, bytes | list[bytes]] = {
            "model": self._model,
            "max_tokens": b"%d" % most,
            **self._offer(request),
        }
        if system := turns.system(marked=self._settings.cache):
            body["system"] = system
        body["messages"] = turns.turns(marked=self._marks_turns)
        if stream:
            body["stream"] = b"true"
        return spliced(body, self._extra)

    def _turns(self, request: ModelRequest) -> Turns:
        source = self._settings.source
        turns = request.memo.get(source) if request.memo is not None else None
        if not isinstance(turns, Turns):
            turns = Turns(source)
            if request.memo is not None:
                request.memo[source] = turns
        turns.follow(request.messages)
        return turns

    def reader(self, request: ModelRequest, on_piece: OnPiece | None) -> Reader:
        known = self._tools.of(request.tools).adapted
        return MessagesReader(self._settings.source, known, len(request.messages), on_piece)

    def _offer(self, request: ModelRequest) -> dict[str, bytes]:
        """A conversation that holds calls must come with tools, also where no more calls are wanted. Those of the
        turn before keep the prompt cache; where they are not known, the names that were called do."""
        if tools := tools_so_far(request, self._settings.source):
            offer = {"tools": self._tools.of(tools).encoded}
        elif names := _called(request):
            offer = {"tools": self._list(tuple(ModelTool(name, "", {}) for name in names)).encoded}
        else:
            return {}
        if not request.tools:
            return offer | {"tool_choice": b'{"type":"none"}'}
        return offer if self._settings.parallel else offer | {"tool_choice": _ONE_AT_A_TIME}

    def _list(self, tools: tuple[ModelTool, ...]) -> _Listed:
        known = _adapted(tools, strict=self._settings.strict)
        encoded = [msgspec.json.encode(_tool(tool, known[tool.name])) for tool in tools]
        if self._settings.cache and encoded:
            encoded[-1] = mark(encoded[-1])
        return _Listed(b"[%b]" % b",".join(encoded), known)


def _tool(tool: ModelTool, known: Adapted) -> JsonObject:
    described: JsonObject = {"description": tool.description} if tool.description else {}
    strict: JsonObject = {"strict": True} if known.strict else {}
    return {"name": tool.name, **described, "input_schema": known.schema, **strict}


def _adapted(tools: tuple[ModelTool, ...], *, strict: bool) -> dict[str, Adapted]:
    """Strict are the first of them as far as Anthropic allows: over its bounds, the whole request is refused."""
    found: dict[str, Adapted] = {}
    left, unions = MAX_STRICT_TOOLS, MAX_UNIONS
    for tool in tools:
        one = adapted(tool.input_schema, strict=strict and left > 0)
        if one.strict:
            has = _unions(one.schema)
            if has > unions:
                one = adapted(tool.input_schema, strict=False)
            else:
                left, unions = left - 1, unions - has
        found[tool.name] = one
    return found


def _unions(schema: Any) -> int:
    """How many schemas in it allow more than one type."""
    if isinstance(schema, list):
        return sum(map(_unions, cast(list[Any], schema)))
    if not isinstance(schema, dict):
        return 0
    given = cast(JsonObject, schema)
    here = "anyOf" in given or isinstance(given.get("type"), list)
    return here + sum(map(_unions, given.values()))


def _thinking_budget(extra: JsonObject) -> int:
    """Tokens that thinking may take of the bound on the reply, which must be larger."""
    thinking = extra.get("thinking")
    budget = cast(JsonObject, thinking).get("budget_tokens") if isinstance(thinking, dict) else 0
    return budget if isinstance(budget, int) else 0


def _called(request: ModelRequest) -> list[str]:
    """The names of tools that were called, in the order of their first calls."""
    return list(dict.fromkeys(use.name for message in request.messages for use in message.tool_uses))
