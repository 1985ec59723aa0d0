"""Laws of the wires over drawn replies and conversations: what is streamed is what comes whole, and whatever a run
goes through, each of its requests is one that the service takes, and the same whether it was spliced or not."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.core.ports import Message, ModelReply, ModelRequest, Piece
from gateway.models.wire import Wire
from tests.endpoints import Call, Reply, Tokens
from tests.endpoints.script import Sending
from tests.endpoints.server import SPEECHES
from tests.endpoints.speech import WIRES, Given, WireName
from tests.endpoints.talking import TOOLS, our_wire, said
from toolward.outbound.sse import EventReader

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
_ARGUMENTS = st.dictionaries(
    st.text("ab é", min_size=1, max_size=3), st.none() | st.integers() | _TEXT, max_size=3
)
_CALLS = st.lists(st.builds(Call, st.sampled_from(["get", "now"]), _ARGUMENTS), max_size=3).map(tuple)
_SENDINGS = st.builds(
    Sending, piece=st.integers(1, 9), noise=st.booleans(), crlf=st.booleans(), size=st.integers(1, 40)
)
_TOKENS = st.lists(st.integers(0, 9999), min_size=5, max_size=5).map(
    lambda n: Tokens(n[0] + n[1] + n[2], n[3] + n[4], cached=n[1], written=n[2], reasoning=n[4])
)
_REPLIES = st.builds(
    Reply, _TEXT, reasoning=_TEXT, sealed=st.booleans(), calls=_CALLS, tokens=_TOKENS, sending=_SENDINGS
)


@pytest.mark.parametrize("wire", WIRES)
@given(reply=_REPLIES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_streamed_is_what_comes_whole(wire: WireName, reply: Reply) -> None:
    ours, request = our_wire(wire), ModelRequest((Message("user", "hello"),), TOOLS)
    pieces: list[Piece] = []
    streamed = read_stream(ours, wire, request, reply, pieces)
    assert meant(streamed) == meant(read_whole(ours, wire, request, reply, 1))
    for kind, told in (("text", streamed.text), ("reasoning", streamed.reasoning)):
        assert "".join(piece.text for piece in pieces if piece.kind == kind) == told


_ROUNDS = st.lists(st.one_of(_REPLIES, st.text("ab \n", max_size=3)), min_size=1, max_size=6)


@pytest.mark.parametrize("wire", WIRES)
@given(rounds=_ROUNDS, cut=st.integers(0, 5), without_tools=st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_each_request_of_a_conversation_is_one_that_the_service_takes(
    wire: WireName, rounds: list[Reply | str], cut: int, without_tools: bool
) -> None:
    """Of a run: replies with calls that are answered, and what people say (a text). Then a part of what was said
    is folded away, and the end comes without tools."""
    ours = our_wire(wire)
    messages = [Message("system", "Be brief."), Message("user", "hello")]
    memo: dict[str, Any] = {}
    known: list[Given] = []
    for number, one in enumerate(rounds, 1):
        if isinstance(one, str):
            messages.append(Message("user", one))
            continue
        check(wire, ours, messages, memo, known)
        known.append(SPEECHES[wire].given(one, number))
        reply = read_whole(ours, wire, ModelRequest(tuple(messages), TOOLS), one, number)
        messages.append(said(reply))
        messages += [
            Message("tool", str(one.text), tool_use_id=use.id, is_error=not one.text)
            for use in reply.tool_uses
        ]
        if not reply.tool_uses:
            messages.append(Message("user", "And?"))
    check(wire, ours, messages, memo, known)
    folded = [
        Message("tool", "(folded)", tool_use_id=message.tool_use_id) if message.role == "tool" else message
        for message in messages[:cut]
    ]
    check(wire, ours, [*folded, *messages[cut:]], memo, known, tools=not without_tools)


def check(
    wire: WireName,
    ours: Wire,
    messages: list[Message],
    memo: dict[str, Any],
    known: list[Given],
    *,
    tools: bool = True,
) -> None:
    offered = TOOLS if tools else ()
    body = ours.encode(ModelRequest(tuple(messages), offered, memo=memo), stream=False)
    headers = {"content-type": "application/json", **ours.headers("k")}
    assert SPEECHES[wire].faults(json.loads(body), headers, known) == []
    if tools:
        assert body == our_wire(wire).encode(ModelRequest(tuple(messages), offered), stream=False)


def meant(reply: ModelReply) -> tuple[ModelReply, Any]:
    """Its own items by what they say: a stream's are put together, and spaced otherwise."""
    native = json.loads(reply.native.items) if reply.native is not None else None
    return replace(reply, native=None), native


def read_whole(ours: Wire, wire: WireName, request: ModelRequest, reply: Reply, number: int) -> ModelReply:
    reader = ours.reader(request, None)
    reader.whole(json.dumps(SPEECHES[wire].whole(reply, number)).encode())
    return reader.reply()


def read_stream(
    ours: Wire, wire: WireName, request: ModelRequest, reply: Reply, pieces: list[Piece]
) -> ModelReply:
    """As it would come over a socket, in writes of some size."""
    speech, how = SPEECHES[wire], reply.sending
    events = [event.encode("\r\n" if how.crlf else "\n") for event in speech.streamed(reply, 1)]
    if how.noise:
        events[1:1] = speech.noise()
    sent = b"".join(events)
    source, reader = EventReader("test"), ours.reader(request, pieces.append)
    for start in range(0, len(sent), how.size):
        for event in source.feed(sent[start : start + how.size]):
            if reader.event(event.name, event.data):
                break
    assert reader.finished
    return reader.reply()
