"""gRPC: messages of every method built out of their descriptors, changed in their bytes, and no messages at all."""

import random
from collections.abc import Iterator
from typing import Any, cast

import grpc
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from tests.fuzz.bytes import changed
from tests.fuzz.house import PATIENCE, Finding, House
from tests.fuzz.running import given_each
from toolward.v1 import agents_pb2, tools_pb2

CHANGES = 7
STATUS = grpc.StatusCode
BUGS = frozenset({STATUS.INTERNAL, STATUS.UNKNOWN, STATUS.DATA_LOSS, STATUS.DEADLINE_EXCEEDED})
"""Codes that no input may lead to. Streams have no end of their own: they are left after a while."""

PROTOBUFS = frozenset({STATUS.INTERNAL})
"""What gRPC itself answers where it cannot read a message; only its own services are read so."""

TEXTS = (
    "support",
    "fixture.add",
    "fixture.echo",
    "run_1",
    '{"a":1,"b":2}',
    '{"value":null}',
    "{",
    "user",
    "2.0",
)

_texts = st.text(max_size=8) | st.sampled_from(TEXTS)
_ints = st.integers(-(2**31), 2**31 - 1)
_by_kind: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.CPPTYPE_STRING: _texts,
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(),
    FieldDescriptor.CPPTYPE_FLOAT: st.floats(width=32),
    FieldDescriptor.CPPTYPE_INT32: _ints,
    FieldDescriptor.CPPTYPE_ENUM: st.integers(0, 12),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1) | st.integers(0, 9),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
}


def methods() -> Iterator[tuple[str, MethodDescriptor]]:
    for module in (tools_pb2, agents_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                yield f"/{service.full_name}/{method.name}", cast(MethodDescriptor, method)


METHODS = dict(methods())


@st.composite
def messages(draw: st.DrawFn, descriptor: Any, depth: int = 0) -> Message:
    made = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if draw(st.booleans()):
            _fill(draw, made, field, depth)
    return made


def _fill(draw: st.DrawFn, made: Message, field: Any, depth: int) -> None:
    kind = field.cpp_type
    count = draw(st.integers(0, 2)) if field.is_repeated else 1
    if kind == FieldDescriptor.CPPTYPE_MESSAGE:
        if depth >= 2 or field.message_type.GetOptions().map_entry:
            return
        for _ in range(count):
            inner = draw(messages(field.message_type, depth + 1))
            place = getattr(made, field.name)
            (place.add() if field.is_repeated else place).CopyFrom(inner)
        return
    values = _by_kind[kind]
    if field.type == FieldDescriptor.TYPE_BYTES:
        values = _texts.map(lambda text: text.encode(errors="replace")) | st.binary(max_size=8)
    for _ in range(count):
        value = draw(values)
        if field.is_repeated:
            getattr(made, field.name).append(value)
        else:
            setattr(made, field.name, value)


_keys = st.sampled_from(
    ["traceparent", "toolward-hops", "toolward-on-behalf-of", "x-bin", "x", "toolward-deadline"]
)
metadata = st.lists(
    st.tuples(_keys, st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)), max_size=3
)


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, bytes, list[tuple[str, str | bytes]]]:
    path = draw(st.sampled_from(sorted(METHODS)))
    raw = draw(
        messages(METHODS[path].input_type).map(lambda made: made.SerializeToString()) | st.binary(max_size=30)
    )
    told = [(key, value.encode() if key.endswith("-bin") else value) for key, value in draw(metadata)]
    return path, raw, told


def fuzz(house: House, inputs: int, seed: int) -> None:
    """Raises Finding."""
    with grpc.insecure_channel(f"127.0.0.1:{house.grpc}") as channel:

        def each(call: tuple[str, bytes, list[tuple[str, str | bytes]]]) -> None:
            path, raw, told = call
            chance = random.Random(raw)
            for body in (raw, *(changed(chance, raw) for _ in range(CHANGES))):
                _send(channel, path, body, [*house.headers.items(), *told])
                house.progress()

        given_each(calls(), each, inputs // (CHANGES + 1), seed)


def _send(channel: grpc.Channel, path: str, raw: bytes, told: list[tuple[str, Any]]) -> None:
    streams = METHODS[path].server_streaming
    kind: Any = channel.unary_stream if streams else channel.unary_unary
    call = kind(path)  # bytes go as they are
    try:
        if not streams:
            call(raw, metadata=told, timeout=PATIENCE)
            return
        news = call(
            raw, metadata=told, timeout=0.1 if path.endswith(("WatchRun", "WatchTools")) else PATIENCE
        )
        for _ in zip(range(100), news, strict=False):
            pass
        news.cancel()
    except grpc.RpcError as error:
        code = cast(Any, error).code()
        watched = streams and code is STATUS.DEADLINE_EXCEEDED and "Watch" in path
        if code in BUGS and not watched:
            raise Finding(f"{code}: {cast(Any, error).details()}", (path, raw, told)) from None
