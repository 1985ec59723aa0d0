"""What the tests of a model wire ask."""

import pytest

from gateway.core.ports import Message, ModelPort, ModelReply, ModelRequest, Piece

KEY = "sk-scripted-0123456789"
HELLO = ModelRequest((Message("user", "hello"),))
BOTH = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


async def ask(model: ModelPort, streamed: bool, request: ModelRequest = HELLO) -> ModelReply:
    """The reply; where it is streamed, its pieces must add up to its text."""
    pieces: list[Piece] = []
    reply = await model.reply(request, pieces.append if streamed else None)
    said = "".join(piece.text for piece in pieces if piece.kind == "text")
    assert not streamed or said == reply.text
    return reply
