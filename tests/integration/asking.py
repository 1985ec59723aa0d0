"""What the tests of a model wire ask."""

import pytest

from gateway.core.ports import Message, ModelPort, ModelReply, ModelRequest

KEY = "sk-scripted-0123456789"
HELLO = ModelRequest((Message("user", "hello"),))
BOTH = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


async def ask(model: ModelPort, streamed: bool, request: ModelRequest = HELLO) -> ModelReply:
    """The reply; where it is streamed, its pieces must add up to its text."""
    pieces: list[str] = []
    reply = await model.reply(request, pieces.append if streamed else None)
    assert not streamed or "".join(pieces) == reply.text
    return reply
