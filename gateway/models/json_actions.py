"""Tools for endpoints without tool calling: a wire around a wire. The model writes its calls as JSON in its text.

A reply that cannot be read becomes a call of a tool that there is not, `unreadable_action`: so it goes the way of
every mistake of a model (an observation, counted, ended when it repeats), and on the next turn the model sees its
own words and what was wrong with them. Prose alone is sent back once; said again, it is taken as the answer.
"""

from collections.abc import Mapping

import msgspec

from gateway.core.ports import ModelReply, ModelRequest, OnPiece, Piece, ToolUse
from gateway.models.action_messages import Told, protocol, unreadable, was_prose
from gateway.models.action_text import (
    NO_ACTION,
    AnswerText,
    FinalAction,
    ToolActions,
    Unreadable,
    read_action,
)
from gateway.models.echoed import free_turn
from gateway.models.encoded import PerTools
from gateway.models.wire import Reader, Wire, WireSettings

_GIVEN_UP = ("refusal", "content_filter", "context", "paused")


class JsonActions(Wire):
    """See Wire. Without tools and calls it is the inner wire alone."""

    def __init__(self, inner: Wire, settings: WireSettings) -> None:
        """`settings` as the inner wire has them."""
        self.path = inner.path
        self._inner = inner
        self._key = f"{settings.source} as json_actions"
        self._protocols = PerTools(lambda tools: protocol(tools, parallel=settings.parallel))

    def headers(self, key: str) -> Mapping[str, str]:
        return self._inner.headers(key)

    def encode(self, request: ModelRequest, *, stream: bool) -> bytes:
        return self._inner.encode(self._told(request), stream=stream)

    def reader(self, request: ModelRequest, on_piece: OnPiece | None) -> Reader:
        bare = msgspec.structs.replace(request, tools=())
        if not _has_actions(request):
            return self._inner.reader(bare, on_piece)
        shown = _Shown(on_piece)
        inner = self._inner.reader(bare, shown.add if on_piece is not None else None)
        return _ActionsReader(inner, request, shown)

    def _told(self, request: ModelRequest) -> ModelRequest:
        request = msgspec.structs.replace(
            request, tools_before=()
        )  # an endpoint without tools is told of none
        if not _has_actions(request):
            return request
        told = request.memo.get(self._key) if request.memo is not None else None
        if not isinstance(told, Told):
            told = Told()
        messages = told.of(request, self._protocols.of(request.tools))
        if request.memo is not None:
            request.memo[self._key] = told
        return msgspec.structs.replace(request, messages=messages, tools=())


class _Shown:
    """What people see of a reply that is an action: never JSON, and the answer as soon as it can be read."""

    def __init__(self, on_piece: OnPiece | None) -> None:
        self._on_piece = on_piece
        self._answer = AnswerText()
        self._length = 0

    def add(self, piece: Piece) -> None:
        if piece.kind != "text":
            self._tell(piece)
        elif said := self._answer.feed(piece.text):
            self.text(said)

    def rest(self, answer: str) -> None:
        if left := answer[self._length :]:
            self.text(left)

    def text(self, text: str) -> None:
        self._length += len(text)
        self._tell(Piece("text", text))

    def call(self, name: str) -> None:
        self._tell(Piece("call", name))

    def _tell(self, piece: Piece) -> None:
        if self._on_piece is not None:
            self._on_piece(piece)


class _ActionsReader(Reader):
    def __init__(self, inner: Reader, request: ModelRequest, shown: _Shown) -> None:
        self._inner = inner
        self._request = request
        self._shown = shown

    def whole(self, raw: bytes) -> None:
        self._inner.whole(raw)

    def event(self, name: str, data: bytes) -> bool:
        return self._inner.event(name, data)

    @property
    def finished(self) -> bool:
        return self._inner.finished

    def reply(self) -> ModelReply:
        reply = self._inner.reply()
        if reply.stop in _GIVEN_UP or not reply.text.strip():
            self._shown.rest(reply.text)
            return reply
        match read_action(reply.text):
            case FinalAction(answer):
                return self._final(reply, answer)
            case ToolActions(calls, said):
                turn = free_turn(self._request.messages)
                uses = tuple(ToolUse(f"call_{turn}_{at}", *call) for at, call in enumerate(calls))
                return self._calling(reply, said, uses)
            case Unreadable() as found:
                return self._unread(reply, found)

    def _unread(self, reply: ModelReply, found: Unreadable) -> ModelReply:
        if reply.stop == "length":  # cut off; what there is of an answer is kept
            prose = reply.text if found == NO_ACTION else ""
            return self._final(reply, AnswerText(reply.text).answer or prose, stop="length")
        if not self._request.tools or (found == NO_ACTION and was_prose(self._request.messages)):
            return self._final(reply, reply.text)
        use = unreadable(f"call_{len(self._request.messages)}_0", reply.text, found.why)
        return msgspec.structs.replace(reply, text="", tool_uses=(use,), stop="tool_use")

    def _final(self, reply: ModelReply, answer: str, stop: str = "final") -> ModelReply:
        self._shown.rest(answer)
        return msgspec.structs.replace(reply, text=answer, stop=stop)

    def _calling(self, reply: ModelReply, said: str, uses: tuple[ToolUse, ...]) -> ModelReply:
        if said:
            self._shown.rest(said)
        for use in uses:
            self._shown.call(use.name)
        return msgspec.structs.replace(reply, text=said, tool_uses=uses, stop="tool_use")


def _has_actions(request: ModelRequest) -> bool:
    return bool(request.tools) or any(message.tool_uses for message in request.messages)
