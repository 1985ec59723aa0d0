"""The services' own clients, asked for a reply: what they understand, in a script's words."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import anthropic
import openai
from anthropic.types import RawMessageStreamEvent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.endpoints.script import Call, Reply, Tokens
from tests.endpoints.speech import WireName

EVENTS: dict[WireName, TypeAdapter[Any]] = {
    "openai_chat": TypeAdapter(ChatCompletionChunk),
    "openai_responses": TypeAdapter(ResponseStreamEvent),
    "anthropic_messages": TypeAdapter(RawMessageStreamEvent),
}
BODIES: dict[WireName, TypeAdapter[Any]] = {
    "openai_chat": TypeAdapter(ChatCompletion),
    "openai_responses": TypeAdapter(Response),
    "anthropic_messages": TypeAdapter(anthropic.types.Message),
}
"""What a service's own types say of its stream's events, and of its replies."""

Ask = Callable[[bool], Awaitable[Reply]]


@asynccontextmanager
async def official(wire: WireName, url: str) -> AsyncGenerator[Ask]:
    """Asks the endpoint one thing, streamed or not."""
    if wire == "anthropic_messages":
        async with anthropic.AsyncAnthropic(
            base_url=url.removesuffix("/v1"), api_key="k", max_retries=0
        ) as client:
            yield lambda stream: _messages(client, stream)
        return
    async with openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0) as client:
        ask = _chat if wire == "openai_chat" else _responses
        yield lambda stream: ask(client, stream)


async def _chat(client: openai.AsyncOpenAI, stream: bool) -> Reply:
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    done: Any
    if stream:
        asked["stream_options"] = {"include_usage": True}
        async with client.chat.completions.stream(**asked) as events:
            try:
                done = cast(Any, await events.get_final_completion())
            except openai.LengthFinishReasonError as error:  # it would parse what was cut off
                done = cast(Any, error.completion)
    else:
        done = cast(Any, await client.chat.completions.create(**asked))
    [choice] = done.choices
    message = choice.message
    uses = [call for call in message.tool_calls or () if call.type == "function"]
    usage = done.usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.completion_tokens_details is not None
    return Reply(
        message.content or message.refusal or "",
        cast(dict[str, Any], message.model_extra or {}).get("reasoning_content", ""),
        calls=tuple(Call(use.function.name, _read(use.function.arguments), use.id) for use in uses),
        stop="refusal" if message.refusal else _STOPS[choice.finish_reason],
        tokens=Tokens(
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.prompt_tokens_details.cached_tokens or 0,
            usage.prompt_tokens_details.cache_write_tokens or 0,
            usage.completion_tokens_details.reasoning_tokens or 0,
        ),
    )


async def _responses(client: openai.AsyncOpenAI, stream: bool) -> Reply:
    found: Any = None
    if stream:
        async with client.responses.stream(model="m", input="hello") as events:
            async for event in events:
                if event.type in ("response.completed", "response.incomplete", "response.failed"):
                    found = cast(Any, event).response
        done = found
        if done.error is not None:  # this client hands it over and raises nothing
            raise RuntimeError(done.error.message)
    else:
        done = cast(Any, await client.responses.create(model="m", input="hello"))
    text, reasoning, sealed, refused = "", "", False, False
    uses: list[Call] = []
    for item in done.output:
        if item.type == "reasoning":
            reasoning = "".join(part.text for part in item.summary)
            sealed = item.encrypted_content is not None
        elif item.type == "function_call":
            uses.append(Call(item.name, _read(item.arguments), item.call_id))
        elif item.type == "message":
            [part] = item.content
            refused = part.type == "refusal"
            text = part.refusal if part.type == "refusal" else part.text
    usage, why = done.usage, done.incomplete_details
    assert usage is not None
    stop = _STOPS[(why.reason if why else None) or ("tool_use" if uses else "stop")]
    return Reply(
        text,
        reasoning,
        sealed,
        tuple(uses),
        "refusal" if refused else stop,
        Tokens(
            usage.input_tokens,
            usage.output_tokens,
            usage.input_tokens_details.cached_tokens,
            usage.input_tokens_details.cache_write_tokens,
            usage.output_tokens_details.reasoning_tokens,
        ),
    )


async def _messages(client: anthropic.AsyncAnthropic, stream: bool) -> Reply:
    asked: Any = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}
    done: Any
    if stream:
        async with client.messages.stream(**asked) as events:
            done = cast(Any, await events.get_final_message())
    else:
        done = cast(Any, await client.messages.create(**asked))
    text, reasoning, sealed = "", "", False
    uses: list[Call] = []
    for block in done.content:
        if block.type == "thinking":
            assert block.signature
            reasoning = block.thinking
        elif block.type == "redacted_thinking":
            sealed = bool(block.data)
        elif block.type == "text":
            text += block.text
        elif block.type == "tool_use":
            uses.append(Call(block.name, block.input, block.id))
    usage = done.usage
    read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    thought = usage.output_tokens_details.thinking_tokens if usage.output_tokens_details else 0
    return Reply(
        text,
        reasoning,
        sealed,
        tuple(uses),
        _STOPS[done.stop_reason or ""],
        Tokens(usage.input_tokens + read + written, usage.output_tokens, read, written, thought),
    )


def _read(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


_STOPS: dict[str, Any] = {
    "stop": "final",
    "end_turn": "final",
    "tool_calls": "tool_use",
    "tool_use": "tool_use",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "content_filter": "content_filter",
    "refusal": "refusal",
    "pause_turn": "paused",
    "model_context_window_exceeded": "context",
}
