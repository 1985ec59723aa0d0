"""What comes back over the Anthropic Messages wire, as values. Kinds of events, blocks and deltas that are not
known here are let pass, whatever they hold. All functions raise ValueError, and RecursionError for what is nested
too deep."""

from typing import Annotated, Any, get_args

import msgspec

MAX_BLOCKS = 1_000
"""Blocks of one reply; calls are blocks."""

_Place = Annotated[int, msgspec.Meta(ge=0, lt=MAX_BLOCKS)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_NONE = msgspec.Raw()


class OutputDetails(msgspec.Struct, frozen=True):
    thinking_tokens: _Count | None = None


class Tokens(msgspec.Struct, frozen=True):
    input_tokens: _Count | None = None
    cache_creation_input_tokens: _Count | None = None
    cache_read_input_tokens: _Count | None = None
    output_tokens: _Count | None = None
    output_tokens_details: OutputDetails | None = None


class StopDetails(msgspec.Struct, frozen=True):
    explanation: str | None = None


class Stopped(msgspec.Struct, frozen=True):
    stop_reason: str | None = None
    stop_details: StopDetails | None = None


class Message(msgspec.Struct, frozen=True):
    """A whole reply, or what begins a streamed one."""

    type: str = "message"
    id: str | None = None
    model: str | None = None
    content: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_BLOCKS)] | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    usage: Tokens | None = None
    error: Any = None


class Block(msgspec.Struct, frozen=True):
    """What is looked at of the known kinds of blocks."""

    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = _NONE


class Delta(msgspec.Struct, frozen=True):
    type: str
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None
    citation: msgspec.Raw = _NONE


class Start(msgspec.Struct, frozen=True, tag="message_start"):
    message: Message


class BlockStart(msgspec.Struct, frozen=True, tag="content_block_start"):
    index: _Place
    content_block: msgspec.Raw


class BlockDelta(msgspec.Struct, frozen=True, tag="content_block_delta"):
    index: _Place
    delta: Delta


class BlockStop(msgspec.Struct, frozen=True, tag="content_block_stop"):
    index: _Place


class Changed(msgspec.Struct, frozen=True, tag="message_delta"):
    delta: Stopped | None = None
    usage: Tokens | None = None


class Stop(msgspec.Struct, frozen=True, tag="message_stop"):
    pass


class Failed(msgspec.Struct, frozen=True, tag="error"):
    error: Any = None


Event = Start | BlockStart | BlockDelta | BlockStop | Changed | Stop | Failed


class _Kind(msgspec.Struct, frozen=True):
    type: str


class _Untold(msgspec.Struct, frozen=True):
    type: str | None = None
    error: Any = None


class _DeltaKind(msgspec.Struct, frozen=True):
    delta: _Kind


_EVENTS = {kind.__struct_config__.tag for kind in get_args(Event)}
DELTAS = {"text_delta", "input_json_delta", "thinking_delta", "signature_delta", "citations_delta"}

_event = msgspec.json.Decoder(Event)
_message = msgspec.json.Decoder(Message)
_block = msgspec.json.Decoder(Block)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_kind = msgspec.json.Decoder(_Kind)
_untold = msgspec.json.Decoder(_Untold)
_delta_kind = msgspec.json.Decoder(_DeltaKind)


def event_of(data: bytes) -> Event | None:
    """None for what is not known."""
    try:
        return _event.decode(data)
    except msgspec.ValidationError:
        untold = _untold.decode(data)
        kind = untold.type
        if kind is None and untold.error:  # some gateways report a failure without saying that it is one
            return Failed(untold.error)
        if kind is not None and kind not in _EVENTS:
            return None
        if kind == "content_block_delta" and _delta_kind.decode(data).delta.type not in DELTAS:
            return None
        raise


def message_of(raw: bytes) -> Message:
    return _message.decode(raw)


def kind_of(raw: msgspec.Raw) -> str:
    return _kind.decode(raw).type


def block_of(raw: msgspec.Raw) -> Block:
    return _block.decode(raw)


def fields_of(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    return _fields.decode(raw)


def text_of(raw: msgspec.Raw) -> str:
    """JSON that was read with what is around it, whose signs were not."""
    return bytes(raw).decode()
