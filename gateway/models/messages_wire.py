"""The Anthropic Messages wire: Anthropic itself, and servers that speak it too (llama.cpp, LiteLLM, others)."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

from gateway.core.ports import ModelRequest, ModelTool, OnPiece
from gateway.models.echoed import encoded_members, spliced
from gateway.models.encoded import PerTools
from gateway.models.messages_reply import MessagesReader
from gateway.models.messages_turns import Turns, mark
from gateway.models.wire import Reader, WireSettings
from toolward.types import JsonObject

DEFAULT_MAX_TOKENS = 8192
"""This wire must be told a bound on the reply; this is it where the configuration says none."""

_ONE_AT_A_TIME = b'{"type":"auto","disable_parallel_tool_use":true}'


class MessagesWire:
    path = "/messages"

    def __init__(self, settings: WireSettings) -> None:
        self._settings = settings
        self._model = msgspec.json.encode(settings.model)
        self._extra = encoded_members(settings.extra)
        self._tools = PerTools(self._encode_tools)
        # One more mark comes with the body's own `cache_control`, and there may be four.
        self._marks_turns = settings.cache and "cache_control" not in settings.extra

    def headers(self, key: str) -> Mapping[str, str]:
        return {"anthropic-version": "2023-06-01", **({"x-api-key": key} if key else {})}

    def encode(self, request: ModelRequest, *, stream: bool) -> bytes:
        memo: dict[str, Any] = {} if request.memo is None else request.memo
        source = self._settings.source
        turns = memo.get(source)
        if not isinstance(turns, Turns):
            turns = memo[source] = Turns(source)
        turns.follow(request.messages)
        most = request.max_output_tokens or self._settings.max_output_tokens or DEFAULT_MAX_TOKENS
        body = {"model": self._model, "max_tokens": b"%d" % most, **self._offer(request, memo)}
        if system := turns.system(marked=self._settings.cache):
            body["system"] = system
        body["messages"] = turns.turns(marked=self._marks_turns)
        if stream:
            body["stream"] = b"true"
        return spliced(body, self._extra)

    def reader(self, request: ModelRequest, on_piece: OnPiece | None) -> Reader:
        return MessagesReader(self._settings.source, len(request.messages), on_piece)

    def _offer(self, request: ModelRequest, memo: dict[str, Any]) -> dict[str, bytes]:
        """A conversation that holds calls must come with tools, also where no more calls are wanted. Those of the
        turn before keep the prompt cache; where they are not known, the names that were called do."""
        kept = f"{self._settings.source} tools"
        if request.tools:
            memo[kept] = request.tools
            one = {} if self._settings.parallel else {"tool_choice": _ONE_AT_A_TIME}
            return {"tools": self._tools.of(request.tools), **one}
        before = memo.get(kept)
        if isinstance(before, tuple):
            tools = self._tools.of(cast(tuple[ModelTool, ...], before))
        elif names := _called(request):
            tools = self._encode_tools(ModelTool(name, "", {"type": "object"}) for name in names)
        else:
            return {}
        return {"tools": tools, "tool_choice": b'{"type":"none"}'}

    def _encode_tools(self, tools: Iterable[ModelTool]) -> bytes:
        encoded = [msgspec.json.encode(self._tool(tool)) for tool in tools]
        if self._settings.cache:
            encoded[-1] = mark(encoded[-1])
        return b"[%b]" % b",".join(encoded)

    def _tool(self, tool: ModelTool) -> JsonObject:
        schema: JsonObject = {"type": "object", **tool.input_schema}
        described = {"description": tool.description} if tool.description else {}
        return {"name": tool.name, **described, "input_schema": schema}


def _called(request: ModelRequest) -> list[str]:
    """The names of tools that were called, in the order of their first calls."""
    return list(dict.fromkeys(use.name for message in request.messages for use in message.tool_uses))
