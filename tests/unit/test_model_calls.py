"""A turn's question goes to the first endpoint that answers it."""

import pytest

from gateway.core.ports import ContextExceeded, ModelPort, ModelReply, ModelRequest, OnPiece, Piece
from gateway.runs.model_calls import ask
from tests.twins import TwinModel
from toolward.errors import (
    BY_CODE,
    ConfigurationError,
    Internal,
    InvalidRequest,
    Overloaded,
    ToolwardError,
    Unavailable,
)

REQUEST = ModelRequest(())
HELLO = ModelReply("Hello.")
GONE = Unavailable("The model endpoint 'strong' cannot be reached.", hint="Start it.")


class Broken(ModelPort):
    async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
        raise KeyError("a bug, with a secret in it")


class Endpoints:
    def __init__(self, **endpoints: ModelPort | ModelReply | ToolwardError) -> None:
        self.ports: dict[str, ModelPort] = {
            name: TwinModel([one]) if isinstance(one, ModelReply | ToolwardError) else one
            for name, one in endpoints.items()
        }
        self.pieces: list[Piece] = []

    def __call__(self, name: str) -> ModelPort:
        if name not in self.ports:
            raise ConfigurationError(f"There is no model endpoint {name!r}.")
        return self.ports[name]

    async def ask(self, *names: str) -> ModelReply:
        return await ask(names, self, REQUEST, self.pieces.append)


async def test_the_first_that_answers_is_the_only_one_that_is_asked_and_told_of():
    reply = await Endpoints(strong=HELLO).ask("strong", "cheap")
    assert (reply.endpoint, reply.passed_over) == ("strong", ())


@pytest.mark.parametrize(
    "code",
    [
        "unavailable",
        "overloaded",
        "deadline_exceeded",
        "unauthenticated",
        "invalid_configuration",
        "invalid_result",
    ],
)
async def test_an_endpoint_without_an_answer_is_passed_over_and_what_it_began_is_void(code: str):
    endpoints = Endpoints(strong=BY_CODE[code]("No."), cheap=HELLO)
    reply = await endpoints.ask("strong", "cheap")
    assert (reply.endpoint, reply.passed_over) == ("cheap", (f"strong: {code}",))
    assert endpoints.pieces == [Piece("again"), Piece("text", "Hello.")]


async def test_an_endpoint_that_is_not_configured_is_passed_over_too():
    reply = await Endpoints(cheap=HELLO).ask("strong", "cheap")
    assert reply.passed_over == ("strong: invalid_configuration",)


@pytest.mark.parametrize(
    "error", [InvalidRequest("No."), ContextExceeded("Too long."), BY_CODE["denied"]("No.")]
)
async def test_what_another_endpoint_would_not_mend_is_raised_at_once(error: ToolwardError):
    with pytest.raises(type(error)) as raised:
        await Endpoints(strong=error, cheap=HELLO).ask("strong", "cheap")
    assert raised.value is error


async def test_where_none_answers_the_last_ones_error_names_all():
    last = Overloaded("The model endpoint 'cheap' takes no more.", hint="Wait.", retry_after=7.0)
    with pytest.raises(Overloaded) as raised:
        await Endpoints(strong=GONE, cheap=last).ask("strong", "cheap")
    assert "strong: unavailable; cheap: overloaded" in raised.value.message
    assert last.message in raised.value.message
    assert (raised.value.hint, raised.value.retry_after) == ("Wait.", 7.0)


async def test_a_single_endpoint_is_answered_for_by_its_own_error():
    with pytest.raises(Unavailable) as raised:
        await Endpoints(strong=GONE).ask("strong")
    assert raised.value is GONE


async def test_an_adapter_that_breaks_is_an_error_of_ours_without_its_words():
    with pytest.raises(Internal) as raised:
        await Endpoints(strong=Broken(), cheap=HELLO).ask("strong", "cheap")
    assert "secret" not in raised.value.text
    assert "strong" in raised.value.text
