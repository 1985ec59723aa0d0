"""The OpenAI chat-completions wire: OpenAI, vLLM, Ollama, llama.cpp, LM Studio, LiteLLM and most hosted vendors."""

import re
from collections.abc import Mapping

import msgspec

from gateway.core.ports import Message, ModelRequest, ModelTool, OnPiece, ToolUse
from gateway.models.chat_reply import ChatReader
from gateway.models.echoed import arguments_object, sent_id
from gateway.models.encoded import encoded_messages
from gateway.models.schemas import adapted
from gateway.models.tool_lists import Made, ToolLists, tools_so_far
from gateway.models.wire import Reader, Wire, WireSettings
from toolward.types import JsonObject

_BOUNDS = ("max_completion_tokens", "max_tokens")
_NEEDS_NEW_BOUND = re.compile(r"(^|[/:])(o\d|gpt-([5-9]|\d\d))")
_ID = re.compile(r".+", re.DOTALL)  # LiteLLM hides a signature of several hundred characters in some
_OPENAI_ID = re.compile(r"[!-~]{1,40}")
_MISTRAL_ID = re.compile(r"[A-Za-z0-9]{9}")
_MISTRAL = re.compile(r"[a-z]+stral\b|\.mistral\.ai\b", re.IGNORECASE)
_OPENAI = re.compile(r"^https://[^/]*(\.openai\.com|\.openai\.azure\.com)(:\d+)?(/|$)")


class ChatWire(Wire):
    path = "/chat/completions"

    def __init__(self, settings: WireSettings, base_url: str = "") -> None:
        """`base_url` tells OpenAI's own API and Mistral's from the many that are like them."""
        self._settings = settings
        self._bound = _bound_name(settings.model, base_url)
        self._ids = _OPENAI_ID if _OPENAI.match(base_url) else _ID
        if _MISTRAL.search(f"{base_url} {settings.model}"):
            self._ids = _MISTRAL_ID
        self._tools = ToolLists(self._tool)

    def headers(self, key: str) -> Mapping[str, str]:
        return {"authorization": f"Bearer {key}"} if key else {}

    def encode(self, request: ModelRequest, *, stream: bool) -> bytes:
        tools = tools_so_far(request)
        pieces = [msgspec.json.encode(self._fields(request, stream, offered=bool(tools)))[:-1]]
        if tools and "tools" not in self._settings.extra:
            pieces += (b',"tools":', self._tools.of(tools).encoded)
        messages = encoded_messages(request, self._settings.source, self._message)
        return b"".join((*pieces, b',"messages":[', messages, b"]}"))

    def reader(self, request: ModelRequest, on_piece: OnPiece | None) -> Reader:
        known = self._tools.of(request.tools).adapted
        return ChatReader(self._settings.source, known, request.messages, on_piece)

    def _fields(self, request: ModelRequest, stream: bool, *, offered: bool) -> JsonObject:
        settings = self._settings
        fields: JsonObject = {"model": settings.model}
        if stream:
            fields |= {"stream": True, "stream_options": {"include_usage": True}}
        most = request.max_output_tokens or settings.max_output_tokens
        if most and not any(name in settings.extra for name in _BOUNDS):
            fields[self._bound] = most
        if offered and not request.tools:
            fields["tool_choice"] = "none"
        elif offered and not settings.parallel:
            fields["parallel_tool_calls"] = False
        return fields | settings.extra

    def _message(self, message: Message) -> bytes:
        native = message.native
        if native is not None and native.source == self._settings.source:
            return native.items.encode()
        return msgspec.json.encode(_chat_message(message, self._ids))

    def _tool(self, tool: ModelTool) -> Made:
        shown = adapted(tool.input_schema, strict=self._settings.strict)
        function: JsonObject = {
            "name": tool.name,
            "description": tool.description,
            "parameters": shown.schema,
        }
        if shown.strict:
            function["strict"] = True
        return msgspec.json.encode({"type": "function", "function": function}), shown


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
    function = {"name": use.name, "arguments": arguments_object(use.arguments_json)}
    return {"id": _sent_id(use.id, ids), "type": "function", "function": function}


def _sent_id(call_id: str, ids: re.Pattern[str]) -> str:
    return sent_id(call_id, ids, most=9 if ids is _MISTRAL_ID else 40)
