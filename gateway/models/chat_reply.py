"""A model's reply put together from its parts: one part when it came whole, many when it was streamed.

Tool calls come in fragments that belong together by `index`. Servers that leave it out, or send 0 for every
call (as Ollama does), are understood by the ids and names: a fragment that brings both begins a new call.
"""

from collections.abc import Mapping

import msgspec

from gateway.core.ports import ModelReply, OnPiece, Piece, StopReason, ToolUse, Usage
from gateway.models.chat_shapes import Completion, Said, TokenCounts, ToolCallPart, decode
from gateway.models.schemas import Adapted
from gateway.models.wire import Reader, Reported

_STOPS: dict[str, StopReason] = {
    "stop": "final",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "length": "length",
    "model_length": "context",  # Mistral
    "content_filter": "content_filter",
}
_DONE = b"[DONE]"


class _Call:
    """A tool call that is still coming."""

    __slots__ = ("arguments", "id", "name", "order")

    def __init__(self, order: int) -> None:
        self.order = order
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []

    def add(self, part: ToolCallPart) -> None:
        self.id = self.id or part.id or ""
        function = part.function
        if function is None:
            return
        if function.name and function.name != self.name:  # some servers repeat it in every fragment
            self.name += function.name
        if isinstance(function.arguments, str):
            self.arguments.append(function.arguments)
        elif function.arguments is not None:
            self.arguments.append(msgspec.json.encode(function.arguments).decode())


class ChatReader(Reader):
    """See Reader."""

    def __init__(
        self, source: str, adapted: Mapping[str, Adapted], turn: int, on_piece: OnPiece | None
    ) -> None:
        """`turn` is the number of messages before this reply: from it come ids where the endpoint gave none."""
        self._source = source
        self._adapted = adapted
        self._turn = turn
        self._on_piece = on_piece
        self._text: list[str] = []
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._finish: str | None = None
        self._refused = False
        self._usage = Usage()
        self._model = ""
        self._id = ""

    def whole(self, raw: bytes) -> None:
        part = decode(raw)
        if not part.choices and not part.error:
            raise ValueError("it holds no choices")
        self._add(part)

    def event(self, name: str, data: bytes) -> bool:
        if data == _DONE:
            return True
        self._add(decode(data))
        return False

    @property
    def finished(self) -> bool:
        return self._finish is not None

    def reply(self) -> ModelReply:
        """Raises ValueError for a tool call without a name."""
        uses = self._tool_uses()
        stop = _STOPS.get(self._finish or "", "final")
        if self._refused:
            stop = "refusal"
        elif stop in ("final", "tool_use"):  # several servers say `stop` where there are calls
            stop = "tool_use" if uses else "final"
        return ModelReply("".join(self._text), uses, stop, self._usage, self._model, response_id=self._id)

    def _add(self, part: Completion) -> None:
        if part.error:
            raise Reported(part.error)
        self._model = part.model or self._model
        self._id = self._id or part.id or ""
        if part.usage is not None:
            self._usage = _usage(part.usage)
        for choice in part.choices or ():
            if choice.index != 0:  # one reply was asked for
                continue
            if choice.error:
                raise Reported(choice.error)
            said = choice.message or choice.delta
            if said is not None:
                self._add_said(said)
            self._finish = choice.finish_reason or self._finish

    def _add_said(self, said: Said) -> None:
        self._refused = self._refused or bool(said.refusal)
        text = said.text or said.refusal or ""
        if text:
            self._text.append(text)
            if self._on_piece is not None:
                self._on_piece(Piece("text", text))
        for part in said.tool_calls or ():
            self._call_of(part).add(part)

    def _call_of(self, part: ToolCallPart) -> _Call:
        named = part.function is not None and bool(part.function.name)
        if part.index is None:
            known = self._known(part.id) if part.id else None
            if known is None and self._calls and not named:
                known = self._calls[-1]
            return known or self._new_call(len(self._calls))
        known = self._by_index.get(part.index)
        another = known is not None and named and bool(part.id) and known.id not in ("", part.id)
        if known is None or another:
            known = self._by_index[part.index] = self._new_call(part.index)
        return known

    def _known(self, call_id: str) -> _Call | None:
        return next((call for call in self._calls if call.id == call_id), None)

    def _new_call(self, order: int) -> _Call:
        call = _Call(order)
        self._calls.append(call)
        return call

    def _tool_uses(self) -> tuple[ToolUse, ...]:
        uses: list[ToolUse] = []
        taken: set[str] = set()
        for place, call in enumerate(sorted(self._calls, key=lambda call: call.order)):
            if not call.name:
                raise ValueError("a tool call has no name")
            call_id = call.id if call.id and call.id not in taken else f"call_{self._turn}_{place}"
            taken.add(call_id)
            uses.append(ToolUse(call_id, call.name, "".join(call.arguments).strip() or "{}"))
        return tuple(uses)


def _usage(counts: TokenCounts) -> Usage:
    return Usage(counts.prompt_tokens or 0, counts.completion_tokens or 0)
