"""Our side of the three wires, as the tests of them want it: an endpoint of ours for a scripted one, and a
conversation that goes on as a run's does."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from gateway.core.ports import EndpointFacts, Message, ModelPort, ModelReply, ModelRequest, ModelTool, Piece
from gateway.models.chat_wire import ChatWire
from gateway.models.http_endpoint import HttpEndpoint
from gateway.models.json_actions import JsonActions
from gateway.models.messages_wire import MessagesWire
from gateway.models.responses_wire import ResponsesWire
from gateway.models.wire import Wire, WireSettings
from tests.endpoints.speech import WireName

KEY = "sk-scripted-0123456789"
MODEL = "small"

OURS: Mapping[WireName, Callable[[WireSettings], Wire]] = {
    "openai_chat": ChatWire,
    "openai_responses": ResponsesWire,
    "anthropic_messages": MessagesWire,
}

TOOLS = (
    ModelTool("get", "Gets a record.", {"type": "object", "properties": {"id": {"type": "string"}}}),
    ModelTool("now", "", {"type": "object"}),
)


def our_wire(wire: WireName, *, actions: bool = False, **more: Any) -> Wire:
    """`actions`: calls are told and made as JSON in the text, as for an endpoint without tool calling."""
    given: dict[str, Any] = {"source": f"scripted/{wire}/{MODEL}", "model": MODEL, **more}
    settings = WireSettings(**given)
    spoken = OURS[wire](settings)
    return JsonActions(spoken, settings) if actions else spoken


def our_endpoint(
    wire: WireName, url: str, settings: Mapping[str, Any] | None = None, *, key: str = KEY, **more: Any
) -> HttpEndpoint:
    spoken = our_wire(wire, **(settings or {}))
    return HttpEndpoint(
        "scripted", url, spoken, key, facts=EndpointFacts(model=MODEL), key_setting="SOME_KEY", **more
    )


class Talk:
    """A conversation with a model. Its pieces must add up to each reply, however it comes."""

    def __init__(
        self, model: ModelPort, *, tools: tuple[ModelTool, ...] = TOOLS, system: str = "Be brief."
    ) -> None:
        self.model = model
        self.tools = tools
        self.messages: list[Message] = [Message("system", system)] if system else []
        self.memo: dict[str, Any] = {}
        self.pieces: list[Piece] = []
        self.spoken = asyncio.Event()  # a piece has come

    def request(self, **more: Any) -> ModelRequest:
        return ModelRequest(tuple(self.messages), self.tools, memo=self.memo, **more)

    async def ask(self, text: str = "", **more: Any) -> ModelReply:
        """Says this, where there is something, and takes the reply into the conversation."""
        if text:
            self.messages.append(Message("user", text))
        self.pieces = []
        reply = await self.model.reply(self.request(**more), self._hear)
        assert self._told("text") == reply.text
        assert self._told("reasoning") == reply.reasoning
        assert [piece.text for piece in self.pieces if piece.kind == "call"] == [
            use.name for use in reply.tool_uses
        ]
        self.messages.append(said(reply))
        return reply

    def answer(self, reply: ModelReply, text: str = "done", *, is_error: bool = False) -> None:
        self.messages += [
            Message("tool", text, tool_use_id=use.id, is_error=is_error) for use in reply.tool_uses
        ]

    def _hear(self, piece: Piece) -> None:
        self.pieces.append(piece)
        self.spoken.set()

    def _told(self, kind: str) -> str:
        return "".join(piece.text for piece in self.pieces if piece.kind == kind)


def said(reply: ModelReply) -> Message:
    """A reply as the conversation keeps it."""
    return Message("assistant", reply.text, reply.tool_uses, native=reply.native)
