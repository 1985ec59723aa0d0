"""The OpenAI Responses wire: OpenAI, Azure, vLLM, llama.cpp, Ollama, LiteLLM and others.

Nothing is kept at the endpoint (`store: false`): each request holds the whole conversation, and reasoning comes
encrypted, to be sent back.
"""

from collections.abc import Mapping
from functools import partial
from itertools import takewhile

import msgspec

from gateway.core.ports import Message, ModelRequest, ModelTool, OnPiece
from gateway.models.echoed import arguments_object, encoded_members, sent_id, spliced
from gateway.models.encoded import encoded_messages
from gateway.models.responses_reply import CALL_ID, ResponsesReader
from gateway.models.schemas import adapted
from gateway.models.tool_lists import Made, ToolLists, tools_so_far
from gateway.models.wire import Reader, Wire, WireSettings

LEAST_OUTPUT = 16
"""Tokens; a smaller bound is refused."""


class _Said(msgspec.Struct, frozen=True, tag="message"):
    role: str
    content: str


class _Call(msgspec.Struct, frozen=True, tag="function_call"):
    call_id: str
    name: str
    arguments: str


class _Result(msgspec.Struct, frozen=True, tag="function_call_output"):
    call_id: str
    output: str


_encode = msgspec.json.Encoder().encode


class ResponsesWire(Wire):
    path = "/responses"

    def __init__(self, settings: WireSettings) -> None:
        self._settings = settings
        self._extra = encoded_members(settings.extra)
        self._head = encoded_members(
            {"model": settings.model, "store": False, "include": ["reasoning.encrypted_content"]}
        )
        self._tools = ToolLists(self._tool)

    def headers(self, key: str) -> Mapping[str, str]:
        return {"authorization": f"Bearer {key}"} if key else {}

    def encode(self, request: ModelRequest, *, stream: bool) -> bytes:
        settings = self._settings
        said = _leading(request.messages)
        body: dict[str, bytes | list[bytes]] = {**self._head, **self._offer(request)}
        if most := request.max_output_tokens or settings.max_output_tokens:
            body["max_output_tokens"] = b"%d" % max(most, LEAST_OUTPUT)
        if said:
            body["instructions"] = _encode("\n\n".join(message.text for message in said))
        if stream:
            body["stream"] = b"true"
        items = encoded_messages(request, settings.source, partial(self._items, leading=said))
        body["input"] = [b"[", items, b"]"]
        return spliced(body, self._extra)

    def reader(self, request: ModelRequest, on_piece: OnPiece | None) -> Reader:
        known = self._tools.of(request.tools).adapted
        return ResponsesReader(self._settings.source, known, request.messages, on_piece)

    def _offer(self, request: ModelRequest) -> dict[str, bytes]:
        """Where no more calls are wanted, the tools of the turn before keep the prompt cache."""
        tools = tools_so_far(request)
        if not tools:
            return {}
        offer = {"tools": self._tools.of(tools).encoded}
        if not request.tools:
            return offer | {"tool_choice": b'"none"'}
        return offer if self._settings.parallel else offer | {"parallel_tool_calls": b"false"}

    def _items(self, message: Message, leading: tuple[Message, ...]) -> bytes:
        native = message.native
        if native is not None and native.source == self._settings.source:
            return native.items.strip()[1:-1].encode()
        if message.role == "tool":
            # This wire has no flag for a failed call: the model is told in words.
            text = f"The call failed: {message.text}" if message.is_error else message.text
            return _encode(_Result(sent_id(message.tool_use_id, CALL_ID), text))
        if any(message is one for one in leading):
            return b""
        items: list[_Said | _Call] = [_Said(message.role, message.text)] if message.text else []
        items += [
            _Call(sent_id(use.id, CALL_ID), use.name, arguments_object(use.arguments_json))
            for use in message.tool_uses
        ]
        return _encode(items)[1:-1]

    def _tool(self, tool: ModelTool) -> Made:
        shown = adapted(tool.input_schema, strict=self._settings.strict)
        made = {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": shown.schema,
            "strict": shown.strict,  # said always: on this wire it is true by default
        }
        return _encode(made), shown


def _leading(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The system messages that the conversation begins with; one that comes later keeps its place."""
    return tuple(takewhile(lambda message: message.role == "system", messages))
