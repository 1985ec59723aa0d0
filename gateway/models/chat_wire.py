"""The OpenAI chat-completions wire: OpenAI, vLLM, Ollama, llama.cpp, LM Studio, LiteLLM and most hosted vendors."""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

import msgspec

from gateway.core.ports import Message, ModelRequest, ModelTool, OnPiece, ToolUse
from gateway.models.chat_reply import ChatReader, sent_back
from gateway.models.encoded import PerTools, encoded_messages
from gateway.models.schemas import Adapted, adapted
from gateway.models.wire import Reader, Wire, WireSettings
from toolward.types import JsonObject

_BOUNDS = ("max_completion_tokens", "max_tokens")
_NEEDS_NEW_BOUND = re.compile(r"(^|[/:])(o\d|gpt-([5-9]|\d\d))")
_KEPT_HEADS = 8  # of a list of tools; the bound on output may be another each turn
_ID = re.compile(r".+", re.DOTALL)  # LiteLLM hides a signature of several hundred characters in some
_OPENAI_ID = re.compile(r"[!-~]{1,40}")
_MISTRAL_ID = re.compile(r"[A-Za-z0-9]{9}")
_MISTRAL = re.compile(r"[a-z]+stral\b|\.mistral\.ai\b", re.IGNORECASE)
_OPENAI = re.compile(r"^https://[^/]*(\.openai\.com|\.openai\.azure\.com)(:\d+)?(/|$)")


class _Listed(NamedTuple):
    """A list of tools as it is sent, how arguments that fit it become those of the tools, and what stands before
    the messages of a request with it (streamed or not, tools to be called or not, with this bound)."""

    encoded: msgspec.Raw
    adapted: Mapping[str, Adapted]
    heads: dict[tuple[bool, bool, int], bytes]


class ChatWire(Wire):
    path = "/chat/completions"

    def __init__(self, settings: WireSettings, base_url: str = "") -> None:
        """`base_url` tells OpenAI's own API and Mistral's from the many that are like them."""
        self._settings = settings
        self._bound = _bound_name(settings.model, base_url)
        self._ids = _OPENAI_ID if _OPENAI.match(base_url) else _ID
        if _MISTRAL.search(f"{base_url} {settings.model}"):
            self._ids = _MISTRAL_ID
        self._tools = PerTools(self._list)

    def headers(self, key: str) -> Mapping[str, str]:
        return {"authorization": f"Bearer {key}"} if key else {}

    def encode(self, request: ModelRequest, *, stream: bool) -> bytes:
        head = self._head(request, stream)
        messages = encoded_messages(request, self._settings.source, self._message)
        return b"".join((head, messages, b"]}"))

    def reader(self, request: ModelRequest, on_piece: OnPiece | None) -> Reader:
        known = self._tools.of(request.tools).adapted
        return ChatReader(self._settings.source, known, len(request.messages), on_piece)

    def _head(self, request: ModelRequest, stream: bool) -> bytes:
        listed = self._tools.of(tools := self._tools_so_far(request))
        most = request.max_output_tokens or self._settings.max_output_tokens
        key = (stream, bool(request.tools), most)
        if (head := listed.heads.get(key)) is None:
            offer = self._offer(listed, bool(request.tools)) if tools else {}
            fields: JsonObject = {"model": self._settings.model, **offer}
            if stream:
                fields |= {"stream": True, "stream_options": {"include_usage": True}}
            if most and not any(name in self._settings.extra for name in _BOUNDS):
                fields[self._bound] = most
            body = msgspec.json.encode(fields | self._settings.extra)
            if len(listed.heads) >= _KEPT_HEADS:
                listed.heads.clear()
            head = listed.heads[key] = body[:-1] + b',"messages":['
        return head

    def _tools_so_far(self, request: ModelRequest) -> tuple[ModelTool, ...]:
        """Those of the turn before where no more are to be called: the beginning stays the same, as caches of
        prompts want it, and some vendors refuse calls in a conversation without tools."""
        if request.memo is None:
            return request.tools
        kept = f"{self._settings.source} tools"
        if request.tools:
            request.memo[kept] = request.tools
        return request.memo.get(kept, ())

    def _offer(self, listed: _Listed, wanted: bool) -> JsonObject:
        if not wanted:
            return {"tools": listed.encoded, "tool_choice": "none"}
        one_by_one: JsonObject = {} if self._settings.parallel else {"parallel_tool_calls": False}
        return {"tools": listed.encoded, **one_by_one}

    def _message(self, message: Message) -> bytes:
        native = message.native
        if native is not None and native.source == self._settings.source:
            return native.items.encode()
        return msgspec.json.encode(_chat_message(message, self._ids))

    def _list(self, tools: tuple[ModelTool, ...]) -> _Listed:
        known = {tool.name: adapted(tool.input_schema, strict=self._settings.strict) for tool in tools}
        encoded = msgspec.json.encode([_tool(tool, known[tool.name]) for tool in tools])
        return _Listed(msgspec.Raw(encoded), known, {})


def _bound_name(model: str, base_url: str) -> str:
    """OpenAI's reasoning models refuse `max_tokens`, wherever they are served, and OpenAI calls it deprecated;
    most other servers know no other name, and some (Mistral) refuse a field that they do not know."""
    new = _OPENAI.match(base_url) or _NEEDS_NEW_BOUND.search(model)
    return "max_completion_tokens" if new else "max_tokens"


def _chat_message(message: Message, ids: re.Pattern[str]) -> JsonObject:
    if message.role == "tool":
        # This wire has no flag for a failed call: the model is told in words.
        text = f"The call failed: {message.text}" if message.is_error else message.text
        return {"role": "tool", "tool_call_id": _sent_id(message.tool_use_id, ids), "content": text}
    if message.role == "assistant" and message.tool_uses:
        calls = [_tool_call(use, ids) for use in message.tool_uses]
        return {"role": "assistant", "content": message.text or None, "tool_calls": calls}
    return {"role": message.role, "content": message.text}


def _tool_call(use: ToolUse, ids: re.Pattern[str]) -> JsonObject:
    function = {"name": use.name, "arguments": sent_back(use.arguments_json)}
    return {"id": _sent_id(use.id, ids), "type": "function", "function": function}


def _sent_id(call_id: str, ids: re.Pattern[str]) -> str:
    """Another wire's id, or one of our own, may not be what this endpoint takes. The same id becomes the same one
    each time, so that a call and its result still belong together."""
    if ids.fullmatch(call_id):
        return call_id
    return sha256(call_id.encode("utf-8", "replace")).hexdigest()[: 9 if ids is _MISTRAL_ID else 40]


def _tool(tool: ModelTool, known: Adapted) -> JsonObject:
    function: JsonObject = {"name": tool.name, "description": tool.description, "parameters": known.schema}
    if known.strict:
        function["strict"] = True
    return {"type": "function", "function": function}
