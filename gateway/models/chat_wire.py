"""The OpenAI chat-completions wire: OpenAI, vLLM, Ollama, llama.cpp, LM Studio, LiteLLM and most hosted vendors."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from gateway.core.ports import Message, ModelRequest, ModelTool, OnPiece, ToolUse
from gateway.models.chat_reply import ChatReader
from gateway.models.encoded import PerTools, encoded_messages
from gateway.models.schemas import Adapted, adapted
from gateway.models.wire import Reader, Wire, WireSettings
from toolward.types import JsonObject

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BOUNDS = ("max_completion_tokens", "max_tokens")
_NEEDS_NEW_BOUND = re.compile(r"(^|[/:])(o\d|gpt-([5-9]|\d\d))")
_OPENAI = re.compile(r"^https://[^/]*(\.openai\.com|\.openai\.azure\.com)(:\d+)?(/|$)")


class _Listed(NamedTuple):
    """A list of tools as it is sent, and how arguments that fit it become those of the tools."""

    encoded: msgspec.Raw
    adapted: Mapping[str, Adapted]


class ChatWire(Wire):
    path = "/chat/completions"

    def __init__(self, settings: WireSettings, base_url: str = "") -> None:
        """`base_url` tells OpenAI's own API from the many that are like it."""
        self._settings = settings
        self._bound = _bound_name(settings.model, base_url)
        self._tools = PerTools(self._list)

    def headers(self, key: str) -> Mapping[str, str]:
        return {"authorization": f"Bearer {key}"} if key else {}

    def encode(self, request: ModelRequest, *, stream: bool) -> bytes:
        settings = self._settings
        fields: JsonObject = {"model": settings.model}
        if stream:
            fields |= {"stream": True, "stream_options": {"include_usage": True}}
        most = request.max_output_tokens or settings.max_output_tokens
        if most and not any(name in settings.extra for name in _BOUNDS):
            fields[self._bound] = most
        if request.tools:
            fields["tools"] = self._tools.of(request.tools).encoded
            if not settings.parallel:
                fields["parallel_tool_calls"] = False
        head = msgspec.json.encode(fields | settings.extra)
        messages = encoded_messages(request, settings.source, self._message)
        return b"".join((head[:-1], b',"messages":[', messages, b"]}"))

    def reader(self, request: ModelRequest, on_piece: OnPiece | None) -> Reader:
        known = self._tools.of(request.tools).adapted
        return ChatReader(self._settings.source, known, len(request.messages), on_piece)

    def _message(self, message: Message) -> bytes:
        native = message.native
        if native is not None and native.source == self._settings.source:
            return native.items.encode()
        return msgspec.json.encode(chat_message(message))

    def _list(self, tools: tuple[ModelTool, ...]) -> _Listed:
        known = {tool.name: adapted(tool.input_schema, strict=self._settings.strict) for tool in tools}
        return _Listed(
            msgspec.Raw(msgspec.json.encode([_tool(tool, known[tool.name]) for tool in tools])), known
        )


def _bound_name(model: str, base_url: str) -> str:
    """OpenAI's reasoning models refuse `max_tokens`, wherever they are served, and OpenAI calls it deprecated;
    most other servers know no other name, and some (Mistral) refuse a field that they do not know."""
    new = _OPENAI.match(base_url) or _NEEDS_NEW_BOUND.search(model)
    return "max_completion_tokens" if new else "max_tokens"


def chat_message(message: Message) -> JsonObject:
    """A message as this wire has it."""
    if message.role == "tool":
        # This wire has no flag for a failed call: the model is told in words.
        text = f"The call failed: {message.text}" if message.is_error else message.text
        return {"role": "tool", "tool_call_id": message.tool_use_id, "content": text}
    if message.role == "assistant" and message.tool_uses:
        calls = [tool_call(use) for use in message.tool_uses]
        return {"role": "assistant", "content": message.text or None, "tool_calls": calls}
    return {"role": message.role, "content": message.text}


def tool_call(use: ToolUse) -> JsonObject:
    function = {"name": use.name, "arguments": echoed(use.arguments_json)}
    return {"id": use.id, "type": "function", "function": function}


def echoed(arguments_json: str) -> str:
    """A model's own arguments, sent back to it. Several servers parse them again and refuse the whole
    conversation when they are broken, so broken ones go back wrapped."""
    try:
        _OBJECT.decode(arguments_json)
    except (msgspec.DecodeError, UnicodeError):
        return msgspec.json.encode({"not_valid_json": arguments_json}).decode()
    return arguments_json


def _tool(tool: ModelTool, known: Adapted) -> JsonObject:
    function: JsonObject = {"name": tool.name, "description": tool.description, "parameters": known.schema}
    if known.strict:
        function["strict"] = True
    return {"type": "function", "function": function}
