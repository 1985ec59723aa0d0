"""What stands around every model endpoint: so many replies at once, a breaker, asking again where that does no
harm, and what a reply cost."""

import asyncio
import logging
from collections.abc import Callable

from msgspec.structs import replace

from gateway.core.breaker import Breaker
from gateway.core.gate import Gate, LeftAlone
from gateway.core.lane import Lane
from gateway.core.model_spec import MODEL_CONCURRENCY, MODEL_TIMEOUT, RETRIES
from gateway.core.ports import EndpointFacts, ModelPort, ModelReply, ModelRequest, OnPiece, Piece
from gateway.core.retrying import Retries, RetryRules
from gateway.models.prices import Tariff
from toolward.errors import DeadlineExceeded, Internal, InvalidResult, Overloaded, ToolwardError, Unavailable

log = logging.getLogger(__name__)

QUEUE = 1024
"""Replies of one endpoint that may wait for their turn."""

FAILURES = 5
"""In a row; then an endpoint is left alone."""

FIRST_WAIT, LONGEST_WAIT = 2.0, 60.0  # seconds for which it is
LONGEST_PAUSE = 30.0  # seconds before it is asked again
_LEAST = 1.0  # seconds that must be left behind a pause
_AGAIN = (Unavailable, Overloaded, InvalidResult)
"""A model that is asked twice does no harm; a request that is wrong stays wrong, and time that is over, over."""


class Guarded(ModelPort):
    """A ModelPort around a ModelPort. `timeout` is that of the endpoint, in seconds; `tariff` gives the prices of
    now, or None; `draw` a random number from 0 up to 1."""

    def __init__(
        self,
        endpoint: ModelPort,
        facts: EndpointFacts,
        *,
        draw: Callable[[], float],
        tariff: Callable[[], Tariff | None] = lambda: None,
        timeout: float = MODEL_TIMEOUT,
        concurrency: int = MODEL_CONCURRENCY,
        retries: int = RETRIES,
        breaker: Breaker | None = None,
    ) -> None:
        self.facts = facts
        self._told = (
            _Told()
        )  # no method of ours: a circle would keep this alive when nobody holds it any more
        self._endpoint = endpoint
        self._tariff = tariff
        self._timeout = timeout
        self._retries = Retries(draw, RetryRules(attempts=1 + retries, wait=0.5, longest=LONGEST_PAUSE))
        said = f"the model endpoint {facts.name!r}"
        self._gate = Gate(
            said,
            Lane(said, concurrency, QUEUE),
            breaker or Breaker(FAILURES, FIRST_WAIT, LONGEST_WAIT),
            tell=self._told.hear,
            now=_now,
            remedy=f"`toolward model check {facts.name}` shows how it fails.",
        )

    async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
        """Within the request's time, whatever that takes: waiting for a turn, asking, waiting, asking again. Where
        pieces came before a failure, a Piece `again` comes before those of the next attempt."""
        name, until = self.facts.name, _now() + request.timeout
        heard = None if on_piece is None else _Heard(on_piece)
        self._retries.earn(name)
        attempt, failure = 1, None
        while True:
            try:
                reply = await self._once(request, heard, until)
                return self._priced(reply)
            except LeftAlone:
                if failure is not None:
                    raise failure from None  # what it was left alone for says more
                raise
            except _AGAIN as error:
                pause = self._retries.pause(name, error, attempt, within=until - _now() - _LEAST)
                if pause is None:
                    raise
                failure = error
            log.info("the model endpoint %s is asked again in %.1f s: %s", name, pause, failure.message)
            await asyncio.sleep(pause)
            attempt += 1
            if heard is not None:
                heard.forget()

    @property
    def problem(self) -> str:
        """Why it is left alone now; empty where it is not."""
        return self._told.problem

    async def _once(self, request: ModelRequest, heard: "_Heard | None", until: float) -> ModelReply:
        left = 0.0

        async def ask() -> ModelReply:
            nonlocal left
            left = until - _now()  # it may have waited for its turn
            return await self._endpoint.reply(replace(request, timeout=left), heard)

        def verdict(error: ToolwardError) -> bool | None:
            return _verdict(error, had_all=left > 0.9 * self._timeout)

        return await self._gate.through(ask, until=until, verdict=verdict)

    def _priced(self, reply: ModelReply) -> ModelReply:
        tariff = self._tariff()
        cost = None if tariff is None else tariff.cost(reply.usage)
        return replace(reply, endpoint=self.facts.name, cost=cost)


class _Told:
    problem = ""

    def hear(self, problem: str) -> None:
        self.problem = problem


class _Heard:
    """Hands pieces on, and knows whether any came."""

    def __init__(self, on_piece: OnPiece) -> None:
        self._on_piece = on_piece
        self._any = False

    def __call__(self, piece: Piece) -> None:
        self._any = True
        self._on_piece(piece)

    def forget(self) -> None:
        if self._any:
            self._any = False
            self._on_piece(Piece("again"))


def _verdict(error: ToolwardError, *, had_all: bool) -> bool | None:
    """What a failure says of the endpoint. One that refuses, for whatever reason, is there; one that answers what
    nobody can read is not well."""
    if isinstance(error, DeadlineExceeded):
        return False if had_all else None
    if isinstance(error, Internal):
        return None
    return not isinstance(error, Unavailable | InvalidResult)


def _now() -> float:
    return asyncio.get_running_loop().time()
