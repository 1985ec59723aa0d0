"""Model endpoints whose questions an Observer hears of."""

from msgspec.structs import replace

from gateway.core.ports import ModelPort, ModelReply, ModelRequest, OnPiece
from gateway.runs.model_calls import FindEndpoint
from gateway.runs.ports import Observer
from toolward.types import Run


def observed(find: FindEndpoint, observer: Observer, run: Run) -> FindEndpoint:
    """The same endpoints, as they are asked for this run."""
    return lambda name: _Observed(find(name), name, observer, run)


class _Observed(ModelPort):
    def __init__(self, endpoint: ModelPort, name: str, observer: Observer, run: Run) -> None:
        self.facts = endpoint.facts if endpoint.facts.name else replace(endpoint.facts, name=name)
        self._endpoint = endpoint
        self._observer = observer
        self._run = run

    async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
        with self._observer.chat(self._run, self.facts, request) as asking:
            reply = await self._endpoint.reply(request, on_piece)
            asking.replied(reply)
        return reply
