"""What stands around a model endpoint: turns, retries, a breaker, a price."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.breaker import Breaker
from gateway.core.gate import LeftAlone
from gateway.core.model_spec import Rates
from gateway.core.ports import EndpointFacts, ModelPort, ModelReply, ModelRequest, OnPiece, Piece, Usage
from gateway.models.guarded import Guarded
from gateway.models.prices import Tariff
from toolward.errors import (
    ConfigurationError,
    DeadlineExceeded,
    InvalidRequest,
    InvalidResult,
    Overloaded,
    TooLarge,
    ToolwardError,
    Unauthenticated,
    Unavailable,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


Step = ToolwardError | str
"""What an endpoint does when it is asked: fail, having said something, or answer."""


class Scripted(ModelPort):
    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.asked: list[ModelRequest] = []
        self.at_once = self.most_at_once = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
        self.asked.append(request)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.go_on.wait()
        finally:
            self.at_once -= 1
        step = self.steps.pop(0) if self.steps else "ok"
        if on_piece is not None:
            on_piece(Piece("text", step if isinstance(step, str) else "half"))
        if isinstance(step, ToolwardError):
            raise step
        return ModelReply(step, usage=Usage(10, 5))


def guarded(
    endpoint: ModelPort,
    *,
    tariff: Callable[[], Tariff | None] = lambda: None,
    concurrency: int = 4,
    retries: int = 2,
    breaker: Breaker | None = None,
    timeout: float = 60.0,
) -> Guarded:
    return Guarded(
        endpoint,
        EndpointFacts("big"),
        draw=lambda: 0.0,
        tariff=tariff,
        concurrency=concurrency,
        retries=retries,
        breaker=breaker,
        timeout=timeout,
    )


ASK = ModelRequest((), timeout=10.0)


async def outcome_of(port: ModelPort, on_piece: OnPiece | None = None) -> ModelReply | ToolwardError:
    try:
        return await port.reply(ASK, on_piece)
    except ToolwardError as error:
        return error


DOWN = Unavailable("down")


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (Unavailable("500"), 2),
        (Overloaded("429", retry_after=0.0), 2),
        (Overloaded("429", retry_after=3600.0), 1),  # not waited for
        (Unavailable("503", retry_after=9.5), 1),  # nothing would be left of the request's time
        (InvalidResult("cut off"), 2),
        (InvalidRequest("400"), 1),
        (TooLarge("too long"), 1),
        (Unauthenticated("401"), 1),
        (ConfigurationError("404"), 1),
        (DeadlineExceeded("late"), 1),
    ],
)
async def test_asks_again_only_where_that_may_help(error: ToolwardError, asked: int) -> None:
    endpoint = Scripted(error)
    outcome = await outcome_of(guarded(endpoint))
    assert outcome is error if asked == 1 else isinstance(outcome, ModelReply)
    assert len(endpoint.asked) == asked


async def test_a_reply_has_its_endpoints_name_and_its_cost() -> None:
    tariff = Tariff(Rates(input=1_000_000, output=2_000_000))
    priced = await guarded(Scripted(), tariff=lambda: tariff).reply(ASK)
    assert (priced.endpoint, priced.cost) == ("big", 20)
    assert (await guarded(Scripted()).reply(ASK)).cost is None


STEPS = st.lists(st.sampled_from([DOWN, InvalidResult("bad"), InvalidRequest("no"), "yes"]), max_size=8)


@settings(deadline=None, max_examples=40)
@given(STEPS, st.integers(0, 4))
async def test_pieces_behind_the_last_again_are_the_reply(steps: list[Step], retries: int) -> None:
    endpoint, pieces = Scripted(*steps), list[Piece]()
    outcome = await outcome_of(guarded(endpoint, retries=retries), pieces.append)
    marks = [place for place, piece in enumerate(pieces) if piece.kind == "again"]
    assert len(marks) == len(endpoint.asked) - 1 <= retries
    if isinstance(outcome, ModelReply):
        assert [piece.text for piece in pieces[marks[-1] + 1 if marks else 0 :]] == [outcome.text]
    else:
        assert len(endpoint.asked) == retries + 1 or isinstance(outcome, InvalidRequest)


async def test_a_budget_ends_the_asking_again_of_an_endpoint_that_fails_for_all() -> None:
    endpoint = Scripted(*[DOWN] * 100)
    port = guarded(endpoint, breaker=Breaker(after=1000))
    for _ in range(20):
        with pytest.raises(Unavailable):
            await port.reply(ASK)
    assert len(endpoint.asked) == 20 + 11  # ten that were saved, and one that twenty requests earned


async def test_an_endpoint_that_fails_in_a_row_is_left_alone_until_one_probe_succeeds() -> None:
    endpoint = Scripted(*[DOWN] * 3)
    port = guarded(endpoint, retries=0, breaker=Breaker(after=3, first_wait=0.05))
    for _ in range(3):
        with pytest.raises(Unavailable, match="down"):
            await port.reply(ASK)
    with pytest.raises(LeftAlone, match="'big' failed several times in a row") as caught:
        await port.reply(ASK)
    assert "It is tried again in 0.1 s. `toolward model check big` shows how it fails." in caught.value.hint
    assert 0 < (caught.value.retry_after or 0) <= 0.05
    assert len(endpoint.asked) == 3
    assert "calls of it failed several times in a row" in port.problem
    endpoint.go_on.clear()
    await asyncio.sleep(caught.value.retry_after or 0)
    probe = asyncio.create_task(port.reply(ASK))
    await asyncio.sleep(0)
    with pytest.raises(LeftAlone):
        await port.reply(ASK)
    endpoint.go_on.set()
    assert (await probe).text == "ok"
    assert port.problem == ""
    assert (await port.reply(ASK)).text == "ok"


@pytest.mark.parametrize(
    ("error", "seconds", "opens"),
    [
        (DOWN, 10.0, True),
        (InvalidResult("garbage"), 10.0, True),
        (DeadlineExceeded("late"), 10.0, True),  # it had all its time
        (DeadlineExceeded("late"), 60.0, False),  # the caller was in a hurry
        (Overloaded("429"), 10.0, False),
        (Unauthenticated("401"), 10.0, False),
        (InvalidRequest("400"), 10.0, False),
    ],
)
async def test_only_an_endpoints_own_faults_count(error: ToolwardError, seconds: float, opens: bool) -> None:
    breaker = Breaker(after=2)
    port = guarded(Scripted(error, error), retries=0, breaker=breaker, timeout=seconds)
    for _ in range(2):
        with pytest.raises(type(error)):
            await port.reply(ASK)
    assert breaker.is_open is opens


async def test_what_was_told_first_is_told_when_the_breaker_opens_in_between() -> None:
    port = guarded(Scripted(DOWN), breaker=Breaker(after=1))
    with pytest.raises(Unavailable, match="down"):
        await port.reply(ASK)


async def test_so_many_at_once_the_others_in_turn_and_none_beyond_its_time() -> None:
    endpoint = Scripted()
    endpoint.go_on.clear()
    port = guarded(endpoint, concurrency=2)
    first = [asyncio.create_task(port.reply(ASK)) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(DeadlineExceeded, match="waited for its turn"):
        await port.reply(ModelRequest((), timeout=0.02))
    endpoint.go_on.set()
    assert [reply.text for reply in await asyncio.gather(*first)] == ["ok"] * 5
    assert endpoint.most_at_once == 2
    assert all(0 < request.timeout <= 10 for request in endpoint.asked)


@pytest.mark.parametrize("where", ["asking", "waiting for its turn", "waiting to ask again"])
async def test_a_cancel_ends_it_at_once_and_leaves_no_place_taken(where: str) -> None:
    endpoint = Scripted(Overloaded("429", retry_after=5.0)) if where == "waiting to ask again" else Scripted()
    if where != "waiting to ask again":
        endpoint.go_on.clear()
    port = guarded(endpoint, concurrency=1)
    tasks = [asyncio.create_task(port.reply(ASK)) for _ in range(1 + (where == "waiting for its turn"))]
    for _ in range(5):
        await asyncio.sleep(0)
    async with asyncio.timeout(0.1):
        for task in reversed(tasks):
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in ended)
    endpoint.go_on.set()
    assert (await port.reply(ASK)).text == "ok"
