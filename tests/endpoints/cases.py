"""One wire, streamed or whole, against the scripted endpoint: what the suites over all wires are run with."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.endpoints.script import Call, Reply, Tokens
from tests.endpoints.server import ScriptedEndpoint, scripted_endpoint
from tests.endpoints.speech import WireName
from tests.endpoints.talking import Talk, our_endpoint

HEADER = "secret-of-a-header"
COUNTED = Tokens(1000, 300, cached=600, written=100, reasoning=250)
THOUGHT = Reply(
    "I look.",
    "First é, then 😀.",
    sealed=True,
    calls=(Call("get", {"id": "ORD-😀"}), Call("now"), Call("get", {"id": "b", "deep": [1, {"é": None}]})),
    tokens=COUNTED,
)


@dataclass
class Case:
    wire: WireName
    streamed: bool
    endpoint: ScriptedEndpoint
    talk: Talk

    @property
    def bodies(self) -> list[Any]:
        return [request.json for request in self.endpoint.requests]


@asynccontextmanager
async def opened(wire: WireName, streamed: bool) -> AsyncGenerator[Case]:
    async with (
        scripted_endpoint() as endpoint,
        our_endpoint(wire, endpoint.url, stream=streamed, headers={"x-auth": HEADER}) as model,
    ):
        yield Case(wire, streamed, endpoint, Talk(model))
