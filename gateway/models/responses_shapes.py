"""What comes back over the OpenAI Responses wire, as values. Kinds of events, items and parts that are not known
here are let pass, whatever they hold. All functions raise ValueError, and RecursionError for what is nested too
deep."""

from typing import Annotated, Any, get_args

import msgspec

MAX_ITEMS = 1_000
"""Items of one reply; calls are items."""

_Place = Annotated[int, msgspec.Meta(ge=0, lt=MAX_ITEMS)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class InputDetails(msgspec.Struct, frozen=True):
    cached_tokens: _Count | None = None
    cache_write_tokens: _Count | None = None


class OutputDetails(msgspec.Struct, frozen=True):
    reasoning_tokens: _Count | None = None


class Tokens(msgspec.Struct, frozen=True):
    input_tokens: _Count | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens: _Count | None = None
    output_tokens_details: OutputDetails | None = None


class Incomplete(msgspec.Struct, frozen=True):
    reason: str | None = None


class Response(msgspec.Struct, frozen=True):
    """A whole reply, also as a stream's last event brings it."""

    id: str | None = None
    model: str | None = None
    status: str | None = None
    output: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_ITEMS)] | None = None
    incomplete_details: Incomplete | None = None
    usage: Tokens | None = None
    error: Any = None


class Part(msgspec.Struct, frozen=True):
    type: str
    text: str | None = None
    refusal: str | None = None


class Item(msgspec.Struct, frozen=True):
    """What is looked at of the known kinds of items: messages, calls of functions, reasoning."""

    type: str
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    status: str | None = None
    content: list[Part] | str | None = None
    summary: list[Part] | None = None
    encrypted_content: str | None = None
    phase: str | None = None


class Began(msgspec.Struct, frozen=True, tag="response.output_item.added"):
    item: msgspec.Raw


class _Delta(msgspec.Struct, frozen=True):
    """A piece of an item. Some servers (llama.cpp) number nothing, others wrongly."""

    delta: str
    output_index: _Place | None = None
    item_id: str | None = None


class TextDelta(_Delta, frozen=True, tag="response.output_text.delta"):
    pass


class RefusalDelta(_Delta, frozen=True, tag="response.refusal.delta"):
    pass


class SummaryDelta(_Delta, frozen=True, tag="response.reasoning_summary_text.delta"):
    summary_index: int = 0


class ReasoningDelta(_Delta, frozen=True, tag="response.reasoning_text.delta"):
    pass


class ArgumentsDelta(msgspec.Struct, frozen=True, tag="response.function_call_arguments.delta"):
    pass


class Done(msgspec.Struct, frozen=True, tag="response.output_item.done"):
    item: msgspec.Raw
    output_index: _Place | None = None


class Created(msgspec.Struct, frozen=True, tag="response.created"):
    response: Response


class Completed(msgspec.Struct, frozen=True, tag="response.completed"):
    response: Response


class Unfinished(msgspec.Struct, frozen=True, tag="response.incomplete"):
    response: Response


class Failed(msgspec.Struct, frozen=True, tag="response.failed"):
    response: Response


class Error(msgspec.Struct, frozen=True, tag="error"):
    error: Any = None
    code: Any = None
    message: Any = None
    param: Any = None


Delta = TextDelta | RefusalDelta | SummaryDelta | ReasoningDelta
Event = Delta | ArgumentsDelta | Completed | Unfinished | Began | Done | Created | Failed | Error


class _Kind(msgspec.Struct, frozen=True):
    type: str


class _Untold(msgspec.Struct, frozen=True):
    type: str | None = None
    error: Any = None


_EVENTS = {kind.__struct_config__.tag for kind in get_args(Event)}
_ITEMS = {"message", "function_call", "reasoning"}

_event = msgspec.json.Decoder(Event)
_response = msgspec.json.Decoder(Response)
_item = msgspec.json.Decoder(Item)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_kind = msgspec.json.Decoder(_Kind)
_untold = msgspec.json.Decoder(_Untold)


def event_of(data: bytes) -> Event | None:
    """None for what is not known."""
    try:
        return _event.decode(data)
    except msgspec.ValidationError:
        untold = _untold.decode(data)
        if (
            untold.type is None and untold.error
        ):  # some gateways report a failure without saying that it is one
            return Error(untold.error)
        if untold.type is not None and untold.type not in _EVENTS:
            return None
        raise


def response_of(raw: bytes) -> Response:
    return _response.decode(raw)


def item_of(raw: msgspec.Raw) -> Item:
    """Of an unknown kind, its name alone."""
    kind = _kind.decode(raw).type
    return _item.decode(raw) if kind in _ITEMS else Item(kind)


def fields_of(text: str) -> dict[str, msgspec.Raw]:
    return _fields.decode(text)


def text_of(raw: msgspec.Raw) -> str:
    """JSON that was read with what is around it, whose signs were not."""
    return bytes(raw).decode()
