"""The OpenAI chat-completions wire as values: neutral messages -> request body, reply or chunk -> structs.

It is spoken by many servers with small liberties; where one is common and harmless it is taken as meant (see
`gateway.models.chat_reply`), everything else is a malformed reply.
"""

from typing import Any

import msgspec

from gateway.core.ports import Message, ModelTool, ToolUse
from toolward.types import JsonObject

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])

# --- what we send ---------------------------------------------------------------------------------------


def encode_request(
    model: str, messages: tuple[Message, ...], tools: msgspec.Raw | None, stream: bool
) -> bytes:
    """The body of `POST /chat/completions`; `tools` as `encode_tools` gave them."""
    body: JsonObject = {"model": model, "messages": [_message(message) for message in messages]}
    if tools is not None:
        body["tools"] = tools
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return msgspec.json.encode(body)


def encode_tools(tools: tuple[ModelTool, ...]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode([_tool(tool) for tool in tools]))


def _message(message: Message) -> JsonObject:
    if message.role == "tool":
        # This wire has no flag for a failed call: the model is told in words.
        text = f"The call failed: {message.text}" if message.is_error else message.text
        return {"role": "tool", "tool_call_id": message.tool_use_id, "content": text}
    if message.role == "assistant" and message.tool_uses:
        calls = [_tool_call(use) for use in message.tool_uses]
        return {"role": "assistant", "content": message.text or None, "tool_calls": calls}
    return {"role": message.role, "content": message.text}


def _tool_call(use: ToolUse) -> JsonObject:
    function = {"name": use.name, "arguments": _echoed(use.arguments_json)}
    return {"id": use.id, "type": "function", "function": function}


def _echoed(arguments_json: str) -> str:
    """A model's own arguments, sent back to it. Several servers parse them again and refuse the whole
    conversation when they are broken, so broken ones go back wrapped."""
    try:
        _OBJECT.decode(arguments_json)
    except (msgspec.DecodeError, UnicodeError):
        return msgspec.json.encode({"not_valid_json": arguments_json}).decode()
    return arguments_json


def _tool(tool: ModelTool) -> JsonObject:
    schema = tool.input_schema
    if "properties" not in schema:  # OpenAI refuses an object schema without them
        none: JsonObject = {"type": "object", "properties": {}}
        schema = schema | none
    function = {"name": tool.name, "description": tool.description, "parameters": schema}
    return {"type": "function", "function": function}


# --- what comes back ------------------------------------------------------------------------------------


class Function(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | JsonObject | None = None  # JSON text; some servers send the object itself


class ToolCallPart(msgspec.Struct, frozen=True):
    """A tool call, or in a stream a fragment of one."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class TextPart(msgspec.Struct, frozen=True):
    text: str | None = None


class Said(msgspec.Struct, frozen=True):
    """A reply's `message`, or in a stream its `delta`."""

    content: str | list[TextPart] | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallPart] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text or "" for part in self.content)
        return self.content or ""


class Choice(msgspec.Struct, frozen=True):
    index: int = 0
    message: Said | None = None
    delta: Said | None = None
    finish_reason: str | None = None


class TokenCounts(msgspec.Struct, frozen=True):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Completion(msgspec.Struct, frozen=True):
    """A whole reply, or one chunk of a streamed one."""

    model: str | None = None
    choices: list[Choice] | None = None
    usage: TokenCounts | None = None
    error: Any = None  # some servers report a failure in a reply of status 200, or in the middle of a stream


_COMPLETION = msgspec.json.Decoder(Completion)


def decode(raw: bytes) -> Completion:
    """Raises ValueError for what is no UTF-8, no JSON, or not of this shape."""
    try:
        return _COMPLETION.decode(raw)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
