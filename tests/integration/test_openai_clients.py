"""`/v1/chat/completions` and `/v1/models` by the official `openai` package, over a socket, before real runs."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from gateway.core.ports import ModelReply, ModelRequest, OnPiece, Piece
from gateway.runs.runner import Runs
from gateway.servers.rest import rest_app
from tests.integration.run_house import ADA, EVE, LEAD, House, calls, ended, says
from tests.integration.scripted_tools import Tools
from tests.twins import TwinModel
from toolward.auth import bearer
from toolward.doors.address import parse_address
from toolward.doors.serve import http_server
from toolward.errors import Unavailable
from toolward.types import Answer, Principal, RunState, ServerInfo

KNOWN = bearer({"adas": ADA, "eves": EVE, "nobodys": Principal("nobody")})
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello."}]


class Door:
    """A house, its runs, and how it is reached."""

    def __init__(self, house: House, runs: Runs, port: int) -> None:
        self.house, self.runs = house, runs
        self.url = f"http://127.0.0.1:{port}"
        self.ai = self.client("adas")

    def client(self, token: str, **options: Any) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key=token, max_retries=0, **options)

    async def all_runs(self) -> int:
        return len((await self.runs.list_runs(ADA)).runs)

    async def until_ended(self) -> RunState:
        (run,) = (await self.runs.list_runs(ADA)).runs
        async with asyncio.timeout(10):
            return (await ended(self.runs, run)).state


@asynccontextmanager
async def opened(tmp_path: Path) -> AsyncGenerator[Door]:
    house = House(tmp_path / "ledger.db")
    async with house.open() as runs:
        app = rest_app(ServerInfo("test", "1"), Tools(), runs, KNOWN, lambda _: {})
        async with http_server(app, parse_address("127.0.0.1:0"), drain=1) as port:
            door = Door(house, runs, port)
            async with door.ai:
                yield door


@pytest.fixture
async def door(tmp_path: Path) -> AsyncGenerator[Door]:
    async with opened(tmp_path) as found:
        yield found


@pytest.mark.parametrize("base", ["", "/v1/nothing"])
async def test_a_base_url_that_is_not_ours_is_told_in_a_shape_that_the_client_shows(
    door: Door, base: str
) -> None:
    async with openai.AsyncOpenAI(base_url=door.url + base, api_key="adas", max_retries=0) as client:
        with pytest.raises(openai.NotFoundError, match=r"a client's base URL ends in /v1"):
            await client.chat.completions.create(model="support", messages=HELLO)
    with pytest.raises(openai.NotFoundError, match="There is nothing at /v1/embeddings"):
        await door.ai.embeddings.create(model="support", input="x")


class Speaking(TwinModel):
    """Says these pieces, one after the other, and then the reply; waits before the piece `None` for `go`."""

    def __init__(self, *pieces: Piece | None, reply: str) -> None:
        super().__init__([says(reply)])
        self._pieces = pieces
        self.begun, self.go = asyncio.Event(), asyncio.Event()

    async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
        reply = await super().reply(request)
        assert on_piece is not None
        self.begun.set()
        for piece in self._pieces:
            if piece is None:
                await self.go.wait()
            else:
                on_piece(piece)
        return reply


def told(whole: Any) -> dict[str, Any]:
    """The extension of a completion or a chunk."""
    return cast(dict[str, Any], whole.model_extra["toolward"])


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


async def test_agents_are_models_for_who_may_start_them(door: Door) -> None:
    assert [model.id for model in (await door.ai.models.list()).data] == ["support"]
    assert (await door.ai.models.retrieve("support")).object == "model"
    async with door.client("nobodys") as nobody:
        assert (await nobody.models.list()).data == []
    with pytest.raises(openai.NotFoundError) as refused:
        await door.ai.models.retrieve("sales")
    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")


async def test_a_completion_is_a_run_and_says_which(door: Door) -> None:
    door.house.script(says("Hello, Ada."))
    raw = await door.ai.chat.completions.with_raw_response.create(
        model="support", messages=HELLO, temperature=0.2, max_tokens=5, user="u"
    )
    whole = raw.parse()
    (run,) = (await door.runs.list_runs(ADA)).runs
    assert (raw.headers["x-toolward-run-id"], whole.id, whole.model) == (
        run.id,
        f"chatcmpl-{run.id}",
        "support",
    )
    assert (whole.choices[0].message.content, whole.choices[0].finish_reason) == ("Hello, Ada.", "stop")
    assert whole.usage is not None
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens, whole.usage.total_tokens) == (10, 5, 15)
    assert told(whole) == {"run_id": run.id, "state": "completed", "input_requests": []}


async def test_the_conversation_that_a_client_sends_is_what_the_model_sees(door: Door) -> None:
    model = door.house.script(says("You are Ada."))
    await door.ai.chat.completions.create(
        model="support",
        messages=[
            {"role": "system", "content": "Speak plainly."},
            {"role": "user", "content": [{"type": "text", "text": "My name is Ada."}]},
            {"role": "assistant", "content": "Hello."},
            {"role": "assistant", "content": None},
            {"role": "user", "content": "What is my name?"},
        ],
    )
    system, *rest = [(message.role, message.text) for message in model.requests[0].messages]
    assert system[0] == "system"
    assert "Speak plainly." not in system[1]  # those are the operator's words
    assert rest == [
        ("user", "Speak plainly."),
        ("user", "My name is Ada."),
        ("assistant", "Hello."),
        ("user", "What is my name?"),
    ]


async def test_pieces_come_as_the_model_says_them(door: Door) -> None:
    door.house.model = model = Speaking(Piece("text", "Hel"), None, Piece("text", "lo."), reply="Hello.")
    stream = await door.ai.chat.completions.create(
        model="support", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    seen: list[ChatCompletionChunk] = []
    async for chunk in stream:
        seen.append(chunk)
        if chunk.choices and chunk.choices[0].delta.content == "Hel":
            model.go.set()  # it is here before the rest is said
    first, *_, last, usage = seen
    assert (first.choices[0].delta.role, first.choices[0].delta.content) == ("assistant", "")
    assert text_of(seen) == "Hello."
    assert [chunk.choices[0].finish_reason for chunk in seen[:-1]][-2:] == [None, "stop"]
    assert told(last)["state"] == "completed"
    assert usage.choices == []
    assert usage.usage is not None
    assert usage.usage.total_tokens == 15
    assert len({chunk.id for chunk in seen}) == 1


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ((), "Hello."),
        ((Piece("reasoning", "hm"), Piece("call", "crm__get"), Piece("text", "Hello.")), "Hello."),
        ((Piece("text", "Hel"),), "Hello."),
        ((Piece("text", "Good"), None, Piece("again", ""), Piece("text", "Hello.")), "Good\n\nHello."),
    ],
    ids=["none", "other kinds", "some", "void ones"],
)
async def test_a_stream_ends_with_the_whole_answer_whichever_pieces_came(
    door: Door, pieces: tuple[Piece | None, ...], said: str
) -> None:
    door.house.model = model = Speaking(*pieces, reply="Hello.")
    stream = await door.ai.chat.completions.create(model="support", messages=HELLO, stream=True)
    seen: list[ChatCompletionChunk] = []
    async for chunk in stream:
        seen.append(chunk)
        if chunk.choices[0].delta.content == "Good":
            model.go.set()
    assert text_of(seen) == said


async def test_what_is_said_between_calls_is_streamed_apart_and_not_part_of_the_answer(door: Door) -> None:
    replies = (calls(("get", "A"), text="I look."), says("It is there."))
    door.house.script(*replies)
    stream = await door.ai.chat.completions.create(model="support", messages=HELLO, stream=True)
    assert text_of([chunk async for chunk in stream]) == "I look.\n\nIt is there."
    door.house.script(*replies)
    whole = await door.ai.chat.completions.create(model="support", messages=HELLO)
    assert whole.choices[0].message.content == "It is there."


# --- runs that wait ----------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_run_that_waits_for_a_person_says_so_and_is_asked_for_again(door: Door, stream: bool) -> None:
    door.house.script(calls(("refund", "A")), says("Refunded."))

    async def ask(
        messages: list[ChatCompletionMessageParam], metadata: dict[str, str] | None = None
    ) -> tuple[str, dict[str, Any], str]:
        if not stream:
            whole = await door.ai.chat.completions.create(
                model="support", messages=messages, metadata=metadata
            )
            choice = whole.choices[0]
            return choice.message.content or "", told(whole), choice.finish_reason
        chunks = [
            chunk
            async for chunk in await door.ai.chat.completions.create(
                model="support", messages=messages, stream=True, metadata=metadata
            )
        ]
        return text_of(chunks), told(chunks[-1]), chunks[-1].choices[0].finish_reason or ""

    notice, about, finish = await ask(HELLO)
    (request,) = await door.runs.list_input_requests(LEAD)
    assert (about["state"], finish) == ("input_required", "stop")
    assert about["input_requests"][0] | {"id": request.id, "kind": "approval"} == about["input_requests"][0]
    assert request.id in notice
    assert about["run_id"] in notice
    later: list[ChatCompletionMessageParam] = [*HELLO, {"role": "assistant", "content": notice}]
    named = {"run_id": about["run_id"]}
    assert (await ask(later, named))[1] == about  # nobody has answered yet
    await door.runs.answer_input_request(LEAD, request.id, Answer(approve=True))
    assert await ask(later, named) == (
        "Refunded.",
        {"run_id": about["run_id"], "state": "completed", "input_requests": []},
        "stop",
    )
    assert door.house.made == ["refund A"]
    assert await door.all_runs() == 1


async def test_a_run_goes_on_by_its_id_with_what_it_took_since(door: Door) -> None:
    model = door.house.script(says("Hello."), says("Because."))
    first = await door.ai.chat.completions.create(model="support", messages=HELLO)
    again = await door.ai.chat.completions.create(
        model="support",
        messages=[*HELLO, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Why?"}],
        extra_headers={"x-toolward-run-id": told(first)["run_id"]},
    )
    assert (again.id, again.choices[0].message.content) == (first.id, "Because.")
    assert again.usage is not None
    assert again.usage.total_tokens == 15
    assert [message.text for message in model.requests[1].messages[1:]] == ["Hello.", "Hello.", "Why?"]


async def test_a_paused_run_is_no_answer_and_does_not_hang(door: Door) -> None:
    door.house.model = model = Speaking(None, reply="Hello.")
    asking = asyncio.create_task(door.ai.chat.completions.create(model="support", messages=HELLO))
    await model.begun.wait()
    (run,) = (await door.runs.list_runs(ADA)).runs
    await door.runs.pause_run(ADA, run.id)
    assert told(await asking)["state"] == "paused"
    model.go.set()


# --- errors ------------------------------------------------------------------------------------------


LONG: list[ChatCompletionMessageParam] = [{"role": "user", "content": "x" * 100_001}]
IMAGE = [{"role": "user", "content": [{"type": "image_url"}]}]
REFUSED: list[tuple[dict[str, Any], str, str | None]] = [
    ({"model": "sales"}, "model_not_found", "model"),
    ({"metadata": {"run_id": "run_9"}}, "not_found", None),
    ({"tools": [{"type": "function"}]}, "invalid_request", "tools"),
    ({"n": 2}, "invalid_request", "n"),
    ({"response_format": {"type": "json_object"}}, "invalid_request", "response_format"),
    ({"stop": ["x"]}, "invalid_request", "stop"),
    ({"extra_body": {"top_k": 3}}, "invalid_request", "top_k"),
    ({"stream_options": {"include_usage": True}}, "invalid_request", "stream_options"),
    ({"messages": []}, "invalid_request", "messages"),
    ({"messages": [{"role": "user", "content": " "}]}, "invalid_request", "messages"),
    ({"messages": [{"role": "assistant", "content": "x"}]}, "invalid_request", "messages"),
    ({"messages": LONG}, "context_length_exceeded", None),
    ({"messages": IMAGE}, "invalid_request", "messages[0].content"),
    ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "c"}]}, "invalid_request", "messages[0]"),
]


@pytest.mark.parametrize(("changed", "code", "param"), REFUSED)
async def test_a_request_that_cannot_be_met_is_refused_as_clients_know_it(
    door: Door, changed: dict[str, Any], code: str, param: str | None
) -> None:
    kind = openai.NotFoundError if "not_found" in code else openai.BadRequestError
    asked: dict[str, Any] = {"model": "support", "messages": HELLO, **changed}
    with pytest.raises(kind) as refused:
        await door.ai.chat.completions.create(**asked)
    assert (refused.value.code, refused.value.param) == (code, param)
    assert refused.value.type == "invalid_request_error"
    assert await door.all_runs() == 0


async def test_who_calls_must_be_known_and_allowed(door: Door) -> None:
    async with door.client("wrong") as stranger, door.client("nobodys") as nobody, door.client("eves") as eve:
        with pytest.raises(openai.AuthenticationError) as unknown:
            await stranger.chat.completions.create(model="support", messages=HELLO)
        assert (unknown.value.code, unknown.value.response.headers["www-authenticate"]) == (
            "invalid_api_key",
            "Bearer",
        )
        with pytest.raises(openai.PermissionDeniedError) as denied:
            await nobody.chat.completions.create(model="support", messages=HELLO)
        assert denied.value.code == "denied"
        door.house.script(says("Hello."))
        run_id = told(await door.ai.chat.completions.create(model="support", messages=HELLO))["run_id"]
        with pytest.raises(openai.NotFoundError):  # another's run
            await eve.chat.completions.create(model="support", messages=HELLO, metadata={"run_id": run_id})


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("key", ["", "k"], ids=["no key", "key"])
async def test_a_run_that_fails_is_an_error_which_clients_repeat_only_where_that_starts_nothing_twice(
    door: Door, stream: bool, key: str
) -> None:
    door.house.model = TwinModel([Unavailable("The endpoint is down.")] * 9)
    headers = {"idempotency-key": key} if key else {}
    async with door.client("adas").with_options(max_retries=1) as client:

        async def ask() -> None:
            answer = await client.chat.completions.create(
                model="support", messages=HELLO, stream=stream, extra_headers=headers
            )
            _ = [chunk async for chunk in cast(Any, answer)]

        with pytest.raises(openai.APIError) as failed:
            await ask()
    assert failed.value.code == "unavailable"
    if isinstance(failed.value, openai.APIStatusError):
        assert failed.value.status_code == 502
        assert failed.value.response.headers.get("x-should-retry") == (None if key else "false")
    assert await door.all_runs() == 1


async def test_a_repeat_with_its_key_is_the_same_completion(door: Door) -> None:
    door.house.script(says("Hello."))
    headers = {"Idempotency-Key": "k"}
    first = await door.ai.chat.completions.create(model="support", messages=HELLO, extra_headers=headers)
    assert (
        await door.ai.chat.completions.create(model="support", messages=HELLO, extra_headers=headers) == first
    )
    with pytest.raises(openai.ConflictError):
        await door.ai.chat.completions.create(
            model="support", messages=[*HELLO, *HELLO], extra_headers=headers
        )


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("key", ["", "k"], ids=["no key", "key"])
async def test_a_client_that_leaves_ends_its_run_unless_it_can_come_back(
    door: Door, stream: bool, key: str
) -> None:
    door.house.model = model = Speaking(None, reply="Hello.")
    body = {"model": "support", "messages": HELLO, "stream": stream}
    headers = {"authorization": "Bearer adas"} | ({"idempotency-key": key} if key else {})
    async with httpx.AsyncClient() as client:
        leaving = asyncio.create_task(
            client.post(f"{door.url}/v1/chat/completions", json=body, headers=headers)
        )
        await model.begun.wait()
        leaving.cancel()
        await asyncio.wait([leaving])
        if key:
            model.go.set()
        assert await door.until_ended() is (RunState.COMPLETED if key else RunState.CANCELLED)


def test_the_synchronous_client_does_as_well(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            door.house.script(says("Hello."), says("Hello."))

            def talk() -> list[str]:
                with openai.OpenAI(base_url=f"{door.url}/v1", api_key="adas", max_retries=0) as client:
                    whole = client.chat.completions.create(model="support", messages=HELLO)
                    with client.chat.completions.stream(model="support", messages=HELLO) as stream:
                        streamed = stream.get_final_completion()
                    models = [model.id for model in client.models.list()]
                texts = [one.choices[0].message.content or "" for one in (whole, streamed)]
                return [*texts, *models]

            assert await asyncio.to_thread(talk) == ["Hello.", "Hello.", "support"]

    asyncio.run(main())


async def test_nobody_watches_a_run_any_more_when_its_completion_is_there(door: Door) -> None:
    door.house.script(calls(("refund", "A")))
    await door.ai.chat.completions.create(model="support", messages=HELLO)
    assert door.runs._feed.watched() == {}  # pyright: ignore[reportPrivateUsage]
    assert [run.state for run in (await door.runs.list_runs(ADA)).runs] == [RunState.INPUT_REQUIRED]
