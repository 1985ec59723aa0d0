"""The scripted endpoint itself: what it says is what the services' own clients read, and what it refuses is what
the services refuse."""

from dataclasses import replace
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from tests.endpoints import Call, Failure, Reply, Tokens, refuses, says, scripted_endpoint
from tests.endpoints.official import BODIES, EVENTS, official
from tests.endpoints.server import SPEECHES
from tests.endpoints.speech import WIRES, WireName

COUNTED = Tokens(1000, 300, cached=600, written=100, reasoning=250)
PARALLEL = (
    Call("get", {"id": "é ü 😀"}, "id_1"),
    Call("now", {}, "id_2"),
    Call("get", {"n": [1, {}]}, "id_3"),
)
REPLIES = {
    "text": says("Grüße 😀, the order is on its way.", tokens=COUNTED),
    "reasoning and calls": Reply("I look.", "First é, then 😀.", sealed=True, calls=PARALLEL, tokens=COUNTED),
    "calls alone": Reply(calls=PARALLEL),
    "refusal": says("I will not.", stop="refusal"),
    "cut off": says("It is", stop="length"),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", WIRES)
async def test_official_clients_read_what_the_script_says(wire: WireName, stream: bool) -> None:
    sendings: list[dict[str, Any]] = [{}, {"size": 3, "crlf": True}, {"noise": True}] if stream else [{}]
    async with scripted_endpoint() as endpoint, official(wire, endpoint.url) as ask:
        for name, reply in REPLIES.items():
            for how in sendings if name == "reasoning and calls" else sendings[:1]:
                endpoint.script([reply.sent(**how)])
                assert await ask(stream) == _readable(wire, reply), how


def _readable(wire: WireName, reply: Reply) -> Reply:
    """A wire that has no place for a thing does not tell it."""
    told = replace(reply, stop=reply.why)
    if wire == "openai_chat":
        return replace(told, sealed=False)
    return told


@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("wire", WIRES)
def test_replies_and_events_are_of_the_services_own_types(wire: WireName, name: str) -> None:
    speech, reply = SPEECHES[wire], REPLIES[name]
    BODIES[wire].validate_python(speech.whole(reply, 1))
    for event in speech.streamed(reply, 1):
        if event.data not in ("[DONE]", {"type": "ping"}):
            EVENTS[wire].validate_python(event.data)


@pytest.mark.parametrize("wire", WIRES)
async def test_official_clients_read_the_failures(wire: WireName) -> None:
    sdk: Any = anthropic if wire == "anthropic_messages" else openai
    async with scripted_endpoint() as endpoint, official(wire, endpoint.url) as ask:
        endpoint.script(
            [
                refuses(429, "slow down", {"retry-after": "7"}),
                refuses(503, "too sad"),
                says("a b c d e f g h i").sent(then="error", until=0.5, error=Failure(500, "fell over")),
                says("a b c d e f g h i").sent(then="cut", until=0.5),
            ]
        )
        with pytest.raises(sdk.RateLimitError, match="slow down") as limited:
            await ask(False)
        assert limited.value.response.headers["retry-after"] == "7"
        with pytest.raises(sdk.InternalServerError, match="too sad"):
            await ask(True)
        with pytest.raises((sdk.APIError, RuntimeError), match="fell over"):
            await ask(True)
        with pytest.raises((sdk.APIError, httpx2.HTTPError)):
            await ask(True)
