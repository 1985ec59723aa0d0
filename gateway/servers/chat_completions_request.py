"""What an OpenAI client asks for in `POST /v1/chat/completions`, read and checked.

docs/openai-clients.md has the table of its parameters: what is heard, what makes no difference here, what is
refused because an answer without it would not be what was asked for.
"""

import re
from typing import Annotated, Any, NamedTuple

import msgspec

from toolward.errors import InvalidRequest, ToolwardError, Violation
from toolward.types import Said

_CALLER = frozenset({"user", "system", "developer"})
"""Roles of the caller's own words: a system message of a client is not the operator's, who writes the agent's."""


class Part(msgspec.Struct, frozen=True):
    """A piece of a message; only text is taken."""

    type: str
    text: str = ""
    refusal: str = ""


class ChatMessage(msgspec.Struct, frozen=True):
    role: str
    content: str | list[Part] | None = None
    tool_calls: list[Any] | None = None
    function_call: Any = None


class StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool | None = None


class ChatRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body. None is as if it were not there, as clients write it."""

    model: str
    messages: Annotated[list[ChatMessage], msgspec.Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    metadata: dict[str, str] | None = None
    n: int | None = None
    # Of these one value alone can be had, which asks for nothing.
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    tool_choice: Any = None
    function_call: Any = None
    response_format: dict[str, Any] | None = None
    modalities: list[str] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    stop: str | list[str] | None = None
    audio: Any = None
    web_search_options: Any = None
    moderation: Any = None
    # These make no difference: an agent's endpoint, limits and sampling are the operator's.
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    logit_bias: dict[str, Any] | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    parallel_tool_calls: bool | None = None
    prediction: Any = None
    prompt_cache_key: str | None = None
    prompt_cache_options: Any = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    user: str | None = None


class Asked(NamedTuple):
    """A request as runs understand it: `text` goes on with `before`, or with the run `run_id`. Without text only
    what has become of that run is asked for."""

    agent: str
    text: str
    before: tuple[Said, ...]
    run_id: str
    streams: bool
    usage: bool


class Unsupported(InvalidRequest):
    """A parameter that cannot be had here; `param` names it."""


_BY_PATH = re.compile(r"\$\.?([\w.\[\]]+)")
_UNKNOWN = re.compile(r"unknown field `(\w{1,64})`")

_decoder = msgspec.json.Decoder(ChatRequest)


def read(body: bytes, run_header: str) -> Asked:
    """Raises InvalidRequest; `param_of` says which parameter it is about."""
    try:
        asked = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _malformed(str(error)) from None
    _check(asked)
    run_id = _run_of(asked, run_header)
    said = [_said(number, message) for number, message in enumerate(asked.messages)]
    by_caller = said[-1].role == "user"
    if by_caller and not said[-1].text.strip():
        raise _wrong("messages", "The last message is empty.", "Say what the agent shall do.")
    if not by_caller and not run_id:
        raise _wrong(
            "messages",
            "The last message is the agent's own.",
            "End with what the user says, or name the run that is to be looked at again.",
        )
    before = () if run_id else tuple(one for one in said[:-1] if one.text.strip())
    options = asked.stream_options
    return Asked(
        asked.model,
        said[-1].text if by_caller else "",
        before,
        run_id,
        bool(asked.stream),
        bool(options and options.include_usage),
    )


def param_of(error: ToolwardError) -> str | None:
    """The parameter that a request was refused for."""
    return error.violations[0].pointer if error.violations and isinstance(error, Unsupported) else None


def _check(asked: ChatRequest) -> None:
    """Raises Unsupported for what an answer would have to differ for."""
    refused = {
        "tools": bool(asked.tools),
        "functions": bool(asked.functions),
        "tool_choice": asked.tool_choice not in (None, "none", "auto"),
        "function_call": asked.function_call not in (None, "none", "auto"),
        "response_format": (asked.response_format or {}).get("type", "text") != "text",
        "modalities": bool(asked.modalities) and asked.modalities != ["text"],
        "logprobs": bool(asked.logprobs),
        "top_logprobs": bool(asked.top_logprobs),
        "stop": bool(asked.stop),
        "audio": asked.audio is not None,
        "web_search_options": asked.web_search_options is not None,
        "moderation": asked.moderation is not None,
    }
    for name, wanted in refused.items():
        if wanted:
            tools = name in ("tools", "functions", "tool_choice", "function_call")
            hint = "An agent's tools are the operator's: leave it out." if tools else "Leave it out."
            raise _wrong(name, f"An agent takes no {name}.", hint)
    if asked.n not in (None, 1):
        raise _wrong("n", f"An agent gives one answer, not {asked.n}.", "Leave n out.")
    if asked.stream_options is not None and not asked.stream:
        raise _wrong("stream_options", "There are stream_options without stream.", "Set stream to true.")


def _run_of(asked: ChatRequest, header: str) -> str:
    named = (asked.metadata or {}).get("run_id", "")
    if named and header and named != header:
        raise _wrong("metadata", "metadata.run_id and x-toolward-run-id name two runs.", "Send one of them.")
    return named or header


def _said(number: int, message: ChatMessage) -> Said:
    where = f"messages[{number}]"
    if message.tool_calls or message.function_call is not None or message.role in ("tool", "function"):
        raise _wrong(
            where,
            "Calls of a client's own tools are no part of a conversation with an agent.",
            "Leave them out.",
        )
    if message.role not in _CALLER and message.role != "assistant":
        raise _wrong(f"{where}.role", f"There is no role {message.role[:64]!r}.", "Use user or assistant.")
    return Said("user" if message.role in _CALLER else "assistant", _text_of(where, message.content))


def _text_of(where: str, content: str | list[Part] | None) -> str:
    if not isinstance(content, list):
        return content or ""
    for part in content:
        if part.type not in ("text", "refusal"):
            raise _wrong(f"{where}.content", f"Of {part.type[:64]!r} nothing is taken.", "Send text alone.")
    return "\n".join(part.text or part.refusal for part in content)


def _malformed(said: str) -> InvalidRequest:
    found = _UNKNOWN.search(said) or _BY_PATH.search(said)
    return _wrong(found[1] if found else "", f"The request cannot be read: {said}.", "")


def _wrong(param: str, message: str, hint: str) -> Unsupported:
    return Unsupported(message, hint=hint, violations=[Violation(param, message)] if param else ())
