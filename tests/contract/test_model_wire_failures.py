"""The failures of all wires, streamed and whole: which error, naming whom, and never with a secret."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from tests.endpoints import (
    Failure,
    Raw,
    Silence,
    refuses,
    says,
    scripted_endpoint,
)
from tests.endpoints.cases import HEADER, THOUGHT, Case, opened
from tests.endpoints.speech import WIRES, WireName
from tests.endpoints.talking import KEY, Talk, our_endpoint
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


@pytest.fixture(params=[True, False], ids=["streamed", "whole"])
def streamed(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture(params=WIRES)
async def case(request: pytest.FixtureRequest, streamed: bool) -> AsyncGenerator[Case]:
    async with opened(request.param, streamed) as case:
        yield case


STATUSES: dict[int, type[ToolwardError]] = {
    400: InvalidRequest,
    401: Unauthenticated,
    403: Unauthenticated,
    404: ConfigurationError,
    413: TooLarge,
    429: Overloaded,
    500: Unavailable,
    502: Unavailable,
    503: Unavailable,
    529: Overloaded,
    302: InvalidResult,
}


async def test_each_status_is_its_error_and_tells_no_secret(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    telling = f"bad key {KEY} with {HEADER}, Bearer {KEY} " + "x" * 250 + KEY
    for status, error in STATUSES.items():
        case.endpoint.script([refuses(status, telling)])
        with pytest.raises(error) as caught:
            await case.talk.ask("hello")
        assert type(caught.value) is error, status
        assert caught.value.message.startswith(f"The model endpoint 'scripted' at {case.endpoint.url} ")
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
        told = f"{caught.value.text} {caught.value!r} {case.talk.model!r} {caplog.text}"
        assert not [secret for secret in (KEY, KEY[:12], HEADER) if secret in told], status
    case.endpoint.script([says("still here")])
    assert (await case.talk.ask("hello")).text == "still here"


async def test_when_to_come_back(case: Case) -> None:
    dated = {"date": "Fri, 20 Nov 2026 12:00:00 GMT", "retry-after": "Fri, 20 Nov 2026 12:01:30 GMT"}
    for status, headers, seconds in (
        (429, {"retry-after": "17"}, 17.0),
        (429, dated, 90.0),
        (429, {}, None),
        (529, {"retry-after": "3"}, 3.0),
        (503, {"retry-after": "0.5"}, 0.5),
    ):
        case.endpoint.script([refuses(status, headers=headers)])
        with pytest.raises((Overloaded, Unavailable)) as caught:
            await case.talk.ask("hello")
        assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("how", "error", "why"),
    [
        ({"then": "cut"}, Unavailable, "closed the connection before"),
        ({"then": "close"}, Unavailable, "closed the connection before"),
        ({"then": "cut", "until": 0.9}, Unavailable, "closed the connection before"),
        ({"then": "invalid_utf8"}, InvalidResult, "not valid UTF-8"),
        ({"then": "no_json"}, InvalidResult, "malformed"),
        ({"then": "error", "error": Failure(500, "fell over " + KEY)}, Unavailable, r"fell over \[secret\]"),
        ({"then": "error", "error": Failure(429, "slow down")}, Overloaded, "slow down"),
        ({"then": "error", "error": Failure(529, "overloaded")}, Overloaded, "overloaded"),
    ],
    ids=str,
)
@pytest.mark.parametrize("wire", WIRES)
async def test_streams_that_fail_on_their_way(
    wire: WireName, how: dict[str, Any], error: type[ToolwardError], why: str
) -> None:
    if (
        wire != "anthropic_messages" and how.get("error", Failure(0)).status == 529
    ):  # a status of Anthropic's own
        how = how | {"error": Failure(503, "overloaded", code="server_is_overloaded")}
        error = Unavailable
    async with scripted_endpoint() as endpoint, our_endpoint(wire, endpoint.url) as model:
        endpoint.script([THOUGHT.sent(**({"until": 0.6} | how)), says("still here")])
        with pytest.raises(error, match=f"'scripted' at .*{why}") as caught:
            await Talk(model).ask("hello")
        assert type(caught.value) is error
        assert (await Talk(model).ask("hello")).text == "still here"


async def test_whole_replies_that_are_none(case: Case) -> None:
    case.endpoint.script(
        [
            THOUGHT.sent(then="cut", until=0.5, whole=True),
            THOUGHT.sent(then="close", until=0.5, whole=True),
            Raw((b"<html>welcome</html>",), headers={"content-type": "text/html"}),
            Raw((b'{"hello": "\xff"}',)),
            Raw((b'{"a":' * 50_000,)),
            Raw((b"{}",)),
            Raw((b'{"error": {"message": "no provider is free", "code": 503, "type": "api_error"}}',)),
        ]
    )
    for error in (Unavailable, *(5 * [InvalidResult]), Unavailable):
        with pytest.raises(error, match="'scripted' at"):
            await case.talk.ask("hello")
    assert not case.endpoint.left.is_set()


async def test_an_endpoint_that_stalls_is_left_at_the_deadline(case: Case) -> None:
    case.endpoint.script([THOUGHT.sent(then="stall", until=0.5), Silence()])
    for _ in range(2):
        case.endpoint.left.clear()
        with pytest.raises(DeadlineExceeded, match=r"'scripted' at .* did not finish within 0\.1 s"):
            await case.talk.ask("hello", timeout=0.1)
        await asyncio.wait_for(case.endpoint.left.wait(), 5)


async def test_cancelled_in_the_middle_it_closes_its_connection_at_once(case: Case) -> None:
    case.endpoint.script([THOUGHT.sent(then="stall", until=0.5), says("still here")])
    asking = asyncio.create_task(case.talk.ask("hello"))
    await case.endpoint.stalled.wait()
    if case.streamed:
        await case.talk.spoken.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.wait_for(case.endpoint.left.wait(), 2)  # no sooner for the sake of slow machines
    assert (await case.talk.ask("hello")).text == "still here"


async def test_an_endpoint_that_is_not_there(streamed: bool) -> None:
    async with scripted_endpoint() as gone:
        url = gone.url
    for wire in WIRES:
        async with our_endpoint(wire, url, stream=streamed) as model:
            with pytest.raises(Unavailable, match=r"'scripted' at .* cannot be reached: nothing"):
                await Talk(model).ask("hello")
