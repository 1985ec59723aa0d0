"""What the tests of a model wire ask."""

from typing import Any

import pytest

from gateway.core.ports import EndpointFacts, Message, ModelPort, ModelReply, ModelRequest, Piece
from gateway.models.chat_wire import ChatWire
from gateway.models.http_endpoint import HttpEndpoint
from gateway.models.wire import WireSettings

KEY = "sk-scripted-0123456789"
HELLO = ModelRequest((Message("user", "hello"),))
BOTH = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


def chat(
    url: str, key: str = "", *, settings: dict[str, Any] | None = None, base: str = "", **more: Any
) -> HttpEndpoint:
    """An endpoint named `gpt` that serves the model `small` over chat completions."""
    given: dict[str, Any] = {"source": "gpt", "model": "small", **(settings or {})}
    wire = ChatWire(WireSettings(**given), base or url)
    return HttpEndpoint("gpt", url, wire, key, facts=EndpointFacts(model="small"), **more)


async def ask(model: ModelPort, streamed: bool, request: ModelRequest = HELLO) -> ModelReply:
    """The reply; where it is streamed, its pieces must add up to its text."""
    pieces: list[Piece] = []
    reply = await model.reply(request, pieces.append if streamed else None)
    said = "".join(piece.text for piece in pieces if piece.kind == "text")
    assert not streamed or said == reply.text
    return reply
