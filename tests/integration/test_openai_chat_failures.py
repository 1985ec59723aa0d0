"""How the chat-completions wire fails: which error, naming whom, and never with a secret."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from gateway.core.ports import ContextExceeded
from gateway.models.http_endpoint import HttpEndpoint
from tests.endpoints import Raw, ScriptedEndpoint, refuses, says, scripted_endpoint
from tests.endpoints.chat import delta, events
from tests.integration.asking import BOTH, HELLO, KEY, ask, chat
from toolward.errors import (
    ConfigurationError,
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


@pytest.fixture
async def endpoint() -> AsyncGenerator[ScriptedEndpoint]:
    async with scripted_endpoint() as serving:
        yield serving


@pytest.fixture
async def model(endpoint: ScriptedEndpoint) -> AsyncGenerator[HttpEndpoint]:
    async with chat(endpoint.url, KEY, key_setting="SOME_KEY") as connected:
        yield connected


@BOTH
@pytest.mark.parametrize(
    ("status", "error", "says_so", "remedy"),
    [
        (401, Unauthenticated, "does not accept the API key", "Set SOME_KEY."),
        (403, Unauthenticated, "does not let this API key", "Set SOME_KEY."),
        (404, ConfigurationError, "does not know the model 'small'", "model's name"),
        (400, InvalidRequest, "refused the request (HTTP 400): too sad.", "takes tools"),
        (413, TooLarge, "too large (HTTP 413): too sad.", ""),
        (429, Overloaded, "takes no more requests for now (HTTP 429): too sad.", "Wait"),
        (500, Unavailable, "failed (HTTP 500): too sad.", ""),
        (503, Unavailable, "failed (HTTP 503): too sad.", ""),
        (302, InvalidResult, "answers with a redirect (HTTP 302)", "final address"),
    ],
)
async def test_refusals_name_the_endpoint_and_the_remedy(
    endpoint: ScriptedEndpoint,
    model: HttpEndpoint,
    streamed: bool,
    status: int,
    error: type[ToolwardError],
    says_so: str,
    remedy: str,
) -> None:
    endpoint.script([refuses(status, "too sad"), says("still here")])
    with pytest.raises(error) as caught:
        await ask(model, streamed)
    assert type(caught.value) is error
    assert caught.value.message.startswith(f"The model endpoint 'gpt' at {endpoint.url} ")
    assert says_so in caught.value.message
    assert remedy in caught.value.hint
    assert (await ask(model, streamed)).text == "still here"


def error(message: str, status: int = 400, **more: Any) -> Raw:
    said = json.dumps({"error": {"message": message, **more}}).encode()
    return Raw((said,), status, {"content-type": "application/json"})


TOO_LONG = {
    "OpenAI": error(
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
        type="invalid_request_error",
        code="context_length_exceeded",
    ),
    "vLLM": Raw(
        (b'{"object":"error","message":"This model\'s maximum context length is 4096 tokens.","code":400}',),
        400,
    ),
    "llama.cpp": error(
        "the request exceeds the available context size, try increasing it",
        code=400,
        type="exceed_context_size_error",
        n_ctx=4096,
    ),
    "Anthropic's route": Raw(
        (b'{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 2 > 1"}}',),
        400,
    ),
    "Gemini": Raw(
        (
            b'[{"error":{"code":400,"message":"The input token count (9) exceeds the maximum number of tokens"}}]',
        ),
        400,
    ),
    "TGI": error(
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000", 422
    ),
    "a proxy": error("Your input exceeds the context window of this model.", 413),
    "in a reply of status 200": error("too many", 200, code="context_length_exceeded"),
    "in a stream": events(
        delta(content="x"), {"error": {"code": "context_length_exceeded", "message": "no"}}
    ),
}


@pytest.mark.parametrize("who", TOO_LONG)
async def test_a_conversation_that_is_too_long_is_an_error_of_its_own(
    endpoint: ScriptedEndpoint, model: HttpEndpoint, who: str
) -> None:
    endpoint.script([TOO_LONG[who]])
    with pytest.raises(ContextExceeded, match=r"'gpt' at .* longer than 'small' takes"):
        await ask(model, streamed=who == "in a stream")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (error("Invalid value for 'temperature'."), InvalidRequest),
        (error("Request exceeds the maximum number of bytes", 413), TooLarge),
        (error("Rate limit: too many tokens per minute", 429), Overloaded),
        (error("Overloaded", 529), Overloaded),
        (error("Overloaded", 200, type="overloaded_error"), Overloaded),
        (error("no", 200, type="invalid_request_error"), InvalidRequest),
        (error("no", 200, type="server_error"), Unavailable),
    ],
)
async def test_what_is_not_the_length(
    endpoint: ScriptedEndpoint, model: HttpEndpoint, said: Raw, kind: type[ToolwardError]
) -> None:
    endpoint.script([said])
    with pytest.raises(kind) as caught:
        await model.reply(HELLO)
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "17"}, 17.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "1", "retry-after-ms": "250"}, 0.25),
        (
            {"date": "Fri, 20 Nov 2026 12:00:00 GMT", "retry-after": "Fri, 20 Nov 2026 12:01:30 GMT"},
            90.0,
        ),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
async def test_when_to_come_back(
    endpoint: ScriptedEndpoint, model: HttpEndpoint, headers: dict[str, str], seconds: float | None
) -> None:
    endpoint.script([refuses(429, headers=headers)])
    with pytest.raises(Overloaded) as caught:
        await model.reply(HELLO)
    assert caught.value.retry_after == seconds


MALFORMED = {
    "HTML": (b"<html>welcome</html>", "JSON is malformed"),
    "half of it": (b'{"choices": [', "truncated"),
    "invalid UTF-8": (b'{"choices":[{"message":{"content":"\xff\xfe"}}]}', "not valid UTF-8 at byte"),
    "another shape": (b'{"choices": {"a": 1}}', "Expected `array"),
    "no choices": (b'{"id": "x"}', "holds no choices"),
    "a nameless call": (
        b'{"choices":[{"message":{"tool_calls":[{"id":"a","function":{}}]}}]}',
        "has no name",
    ),
    "endless nesting": (b'{"a":' * 50_000, "nested too deep"),
}


@pytest.mark.parametrize("what", MALFORMED)
async def test_malformed_replies(endpoint: ScriptedEndpoint, model: HttpEndpoint, what: str) -> None:
    body, why = MALFORMED[what]
    endpoint.script([Raw((body,))])
    with pytest.raises(InvalidResult, match=f"'gpt' at .* sent a reply that cannot be read: .*{why}"):
        await model.reply(HELLO)


STREAM = {"content-type": "text/event-stream"}


@pytest.mark.parametrize(
    ("reply", "error", "why"),
    [
        (events(delta(content="Hel"), cut=True), Unavailable, "closed the connection before"),
        (events(delta(content="Hel"), done=False), Unavailable, "closed the connection before"),
        (events("{broken"), InvalidResult, "malformed"),
        (
            Raw((b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n',), 200, STREAM),
            InvalidResult,
            "UTF-8",
        ),
        (Raw((b"<html>",), 200, {"content-type": "text/html"}), InvalidResult, "holds no events"),
        (Raw((b"data: " + b"a" * 5_000_000,), 200, STREAM), InvalidResult, "an event of over"),
        (events({"error": {"message": "out of memory", "code": 500}}), Unavailable, "out of memory"),
        (events({"error": {"message": "slow down", "code": 429}}), Overloaded, "slow down"),
        (events({"error": "just text"}), Unavailable, "just text"),
    ],
)
async def test_streams_that_fail_on_their_way(
    endpoint: ScriptedEndpoint, model: HttpEndpoint, reply: Raw, error: type[ToolwardError], why: str
) -> None:
    endpoint.script([reply])
    with pytest.raises(error, match=f"The model endpoint 'gpt' at .*{why}"):
        await ask(model, streamed=True)


@pytest.mark.parametrize(
    ("url", "key", "headers"),
    [
        ("http://ada:hunter2@host.example/v1", "", {}),
        ("ftp://host.example", "", {}),
        ("http://host.example/v1?key=hunter2", "", {}),
        ("http://host.example/v1", "hunter2 hunter2", {}),
        ("http://host.example/v1", "hunter2\r\nx: y", {}),
        ("http://host.example/v1", "“hunter2”", {}),
        ("http://host.example/v1", "", {"x-auth": "hunter2\n"}),
    ],
)
async def test_settings_that_cannot_work_are_refused_at_once_and_not_repeated(
    url: str, key: str, headers: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        chat(url, key, headers=headers)
    assert "hunter2" not in caught.value.text
