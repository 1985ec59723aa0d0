"""The tool calls of one reply, put together from fragments.

Fragments belong together by `index`. Servers that leave it out, or send 0 for every call (as Ollama does), are
understood by the ids and names: a fragment that brings both begins a new call.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.core.ports import Message
from gateway.models.chat_shapes import ToolCallPart
from gateway.models.echoed import free_turn


class Call:
    """A tool call that is still coming. `extra` is what the vendor wants back beside it."""

    __slots__ = ("_arguments", "extra", "id", "name", "order")

    def __init__(self, order: int) -> None:
        self.order = order
        self.id = ""
        self.name = ""
        self.extra: Any = None
        self._arguments: list[str] = []

    @property
    def arguments(self) -> str:
        return "".join(self._arguments).strip() or "{}"

    def add(self, part: ToolCallPart) -> None:
        self.id = self.id or part.id or ""
        self.extra = part.extra_content or self.extra
        function = part.function
        if function is None:
            return
        if function.name and function.name != self.name:  # some servers repeat it in every fragment
            self.name += function.name
        if isinstance(function.arguments, str):
            self._arguments.append(function.arguments)
        elif function.arguments is not None:
            self._arguments.append(msgspec.json.encode(function.arguments).decode())


class Calls:
    """`add` the fragments, then take them `in_order`."""

    def __init__(self, begun: Callable[[str], None]) -> None:
        """`begun` is told the name of each call when it comes."""
        self._begun = begun
        self._calls: list[Call] = []
        self._by_index: dict[int, Call] = {}

    def add(self, part: ToolCallPart) -> None:
        call = self._call_of(part)
        was_named = bool(call.name)
        call.add(part)
        if call.name and not was_named:
            self._begun(call.name)

    def in_order(self, earlier: tuple[Message, ...]) -> list[Call]:
        """Each with an id of its own: where the endpoint gave none, or one twice, it is made for the reply to
        the messages before it. Raises ValueError for one without a name."""
        taken: set[str] = set()
        calls = sorted(self._calls, key=lambda call: call.order)
        turn = -1
        for place, call in enumerate(calls):
            if not call.name:
                raise ValueError("a tool call has no name")
            if not call.id or call.id in taken:
                turn = free_turn(earlier) if turn < 0 else turn
                call.id = f"call_{turn}_{place}"
            taken.add(call.id)
        return calls

    def _call_of(self, part: ToolCallPart) -> Call:
        named = part.function is not None and bool(part.function.name)
        if part.index is None:
            known = self._known(part.id) if part.id else None
            if known is None and self._calls and not named:
                known = self._calls[-1]
            return known or self._new(len(self._calls))
        known = self._by_index.get(part.index)
        another = known is not None and named and bool(part.id) and known.id not in ("", part.id)
        if known is None or another:
            known = self._by_index[part.index] = self._new(part.index)
        return known

    def _known(self, call_id: str) -> Call | None:
        return next((call for call in self._calls if call.id == call_id), None)

    def _new(self, order: int) -> Call:
        call = Call(order)
        self._calls.append(call)
        return call
