"""Events of a run on their way into the log and out of it.

What people, models and tools said is kept apart from an event's other fields, by digest: the log has each text
once, and can lose it without losing its order.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from gateway.agent import events as ev
from gateway.core.digests import text_digest
from gateway.core.ports import Message, StoredEvent
from toolward.errors import Internal
from toolward.types import JsonObject, RunEvent


class UnreadableEvent(Internal):
    """An event of a type or version that this Toolward does not know, or whose fields are damaged."""


_WORDS: Mapping[type[ev.Event], tuple[str, ...]] = {
    ev.RunStarted: ("input",),
    ev.MessageReceived: ("text",),
    ev.ModelReplied: ("text", "reasoning", "native"),  # and the arguments of its tool uses
    ev.ToolCalled: ("arguments_json",),
    ev.ToolReturned: ("text",),
    ev.InputRequested: ("prompt",),
    ev.InputAnswered: ("text", "reason", "arguments_json", "void"),
    ev.TurnsSummarised: ("text",),
    ev.LimitReached: ("message",),
    ev.RunPaused: ("reason",),
    ev.RunRated: ("comment",),
    ev.RunCompleted: ("answer",),
    ev.RunFailed: ("message", "answer"),
}
_SHARED: Mapping[type[ev.Event], tuple[str, ...]] = {ev.RunStarted: ("definition",)}


def encode(
    event: ev.Event, asked: Iterable[Message] = (), tools: bytes = b"", whole: Iterable[str] = ()
) -> StoredEvent:
    """`asked` are the messages, and `tools` the list of tools, that the event's `request` names by digest; `whole`
    are texts that it names otherwise."""
    kind = type(event)
    data: JsonObject = msgspec.to_builtins(event)
    texts: dict[str, bytes] = {}
    words = {path: _kept(texts, text) for path, text in _taken_out(event, data)}
    shared = {name: _kept(texts, msgspec.json.encode(data.pop(name))) for name in _SHARED.get(kind, ())}
    for message in asked:
        for text in (message.text, *(use.arguments_json for use in message.tool_uses)):
            _kept(texts, text.encode())
        if message.native is not None:
            _kept(texts, message.native.items.encode())
    if tools:
        _kept(texts, tools)
    for text in whole:
        _kept(texts, text.encode())
    return StoredEvent(ev.NAMES[kind], event.version, msgspec.json.encode(data), words, shared, texts)


def _kept(texts: dict[str, bytes], body: bytes) -> str:
    digest = text_digest(body)
    texts[digest] = body
    return digest


def _taken_out(event: ev.Event, data: JsonObject) -> Iterator[tuple[str, bytes]]:
    """The words of an event by their paths; they are gone from `data` then. Empty ones stay."""
    for name in _WORDS.get(type(event), ()):
        if data[name]:
            yield name, data.pop(name).encode()
    if isinstance(event, ev.RunStarted):
        for number, said in enumerate(data["before"]):
            yield f"before.{number}.text", said.pop("text").encode()
    if isinstance(event, ev.ModelReplied):
        for number, use in enumerate(data["tool_uses"]):
            yield f"tool_uses.{number}.arguments_json", use.pop("arguments_json").encode()
    if isinstance(event, ev.RunRetried):
        for number, effect in enumerate(data["effects"]):
            yield f"effects.{number}.arguments_json", effect.pop("arguments_json").encode()


def _reader(kind: type[ev.Event]) -> Callable[[JsonObject], ev.Event]:
    return lambda data: msgspec.convert(data, kind)


_READERS: Mapping[tuple[str, int], Callable[[JsonObject], ev.Event]] = {
    (name, 1): _reader(kind) for name, kind in ev.TYPES.items()
}


def decode(event: RunEvent) -> ev.Event:
    """Raises UnreadableEvent, naming the run and the event."""
    where = f"Event {event.seq} of the run {event.run_id}"
    version: Any = event.data.get("version")
    read = _READERS.get((event.type, version)) if isinstance(version, int) else None
    if read is None:
        raise UnreadableEvent(
            f"{where} is of type {event.type!r}, version {version!r}, which this Toolward cannot read.",
            hint="Use the Toolward that wrote it, or a newer one.",
        )
    try:
        return read(event.data)
    except msgspec.ValidationError as error:
        raise UnreadableEvent(
            f"{where} ({event.type}) is damaged: {error}.", hint="Restore the ledger from a copy."
        ) from None
