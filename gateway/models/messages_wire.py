"""The Anthropic Messages wire: Anthropic itself, and servers that speak it too (llama.cpp, LiteLLM, others)."""

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

import msgspec

from gateway.core.ports import ModelRequest, ModelTool, OnPiece
from gateway.models.echoed import encoded_members, spliced
from gateway.models.encoded import PerTool, PerTools
from gateway.models.messages_reply import MessagesReader
from gateway.models.messages_turns import Turns, mark
from gateway.models.schemas import adapted
from gateway.models.tool_lists import Listed, Made, listed, tools_so_far
from gateway.models.wire import Reader, Wire, WireSettings
from toolward.types import JsonObject

DEFAULT_MAX_TOKENS = 8192
"""This wire must be told a bound on the reply; this is it where the configuration says none."""

_ONE_AT_A_TIME = b'{"type":"auto","disable_parallel_tool_use":true}'

# What Anthropic documents for strict tools in one request.
MAX_STRICT_TOOLS = 20
MAX_UNIONS = 16


class MessagesWire(Wire):
    path = "/messages"

    def __init__(self, settings: WireSettings) -> None:
        self._settings = settings
        self._model = msgspec.json.encode(settings.model)
        self._extra = encoded_members(settings.extra)
        self._most = DEFAULT_MAX_TOKENS + _thinking_budget(settings.extra)
        self._tools = PerTools(self._list)
        self._plain = PerTool(partial(_tool, strict=False))
        self._strict = PerTool(partial(_tool, strict=True))
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
        return MessagesReader(self._settings.source, known, request.messages, on_piece)

    def _offer(self, request: ModelRequest) -> dict[str, bytes]:
        """A conversation that holds calls must come with tools, also where no more calls are wanted. Those of the
        turn before keep the prompt cache; where they are not known, the names that were called do."""
        if tools := tools_so_far(request):
            offer = {"tools": self._tools.of(tools).encoded}
        elif names := _called(request):
            offer = {"tools": self._list(tuple(ModelTool(name, "", {}) for name in names)).encoded}
        else:
            return {}
        if not request.tools:
            return offer | {"tool_choice": b'{"type":"none"}'}
        return offer if self._settings.parallel else offer | {"tool_choice": _ONE_AT_A_TIME}

    def _list(self, tools: tuple[ModelTool, ...]) -> Listed:
        """Strict are the first of them, as many as may be: over its bounds, Anthropic refuses the whole request."""
        made: list[Made] = []
        left, unions = MAX_STRICT_TOOLS if self._settings.strict else 0, MAX_UNIONS
        for tool in tools:
            one = self._strict.of(tool) if left else self._plain.of(tool)
            if one[1].strict and (has := _unions(one[1].schema)) <= unions:
                left, unions = left - 1, unions - has
            elif one[1].strict:
                one = self._plain.of(tool)
            made.append(one)
        if self._settings.cache and made:
            made[-1] = mark(made[-1][0]), made[-1][1]
        return listed(tools, made)


def _tool(tool: ModelTool, *, strict: bool) -> Made:
    shown = adapted(tool.input_schema, strict=strict)
    made: JsonObject = {"name": tool.name, "input_schema": shown.schema}
    if tool.description:
        made["description"] = tool.description
    if shown.strict:
        made["strict"] = True
    return msgspec.json.encode(made), shown


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
