"""What does not change from turn to turn is encoded once: messages, in the memo of their conversation; lists of
tools, for as long as the same tuple comes. A turn then costs what is new in it, however long the history is."""

from collections.abc import Callable
from typing import Generic, TypeVar

from gateway.core.ports import Message, ModelRequest, ModelTool

_KEPT_LISTS = 64  # of tools; one for an agent and a person is the usual number
_KEPT_TOOLS = 8192

_T = TypeVar("_T")


class _Seen:
    """The messages of a conversation so far, and what they are on a wire, one after another with commas between.
    `ends` are where each one ends."""

    __slots__ = ("ends", "joined", "messages")

    def __init__(self) -> None:
        self.messages: tuple[Message, ...] = ()
        self.joined = b""
        self.ends: list[int] = []


def encoded_messages(request: ModelRequest, source: str, encode: Callable[[Message], bytes]) -> bytes:
    """What `encode` makes of each message, with commas between: nothing, or one or more JSON values. Kept in the
    request's memo under `source`; of another conversation's beginning, the part that is the same is used."""
    memo, messages = request.memo, request.messages
    seen = memo.get(source) if memo is not None else None
    if not isinstance(seen, _Seen):
        seen = _Seen()
    if messages[: len(seen.messages)] != seen.messages:
        _keep(seen, in_common(messages, seen.messages))
    pieces, end = [seen.joined] if seen.joined else [], len(seen.joined)
    for message in messages[len(seen.messages) :]:
        if made := encode(message):
            end += len(made) + (1 if pieces else 0)
            pieces.append(made)
        seen.ends.append(end)
    seen.joined = b",".join(pieces) if len(pieces) != 1 else pieces[0]
    seen.messages = messages
    if memo is not None:
        memo[source] = seen
    return seen.joined


def in_common(one: tuple[Message, ...], other: tuple[Message, ...]) -> int:
    """How many messages both begin with."""
    count = 0
    for mine, its in zip(one, other, strict=False):
        if mine is not its and mine != its:
            break
        count += 1
    return count


def _keep(seen: _Seen, count: int) -> None:
    seen.joined = seen.joined[: seen.ends[count - 1] if count else 0]
    del seen.ends[count:]
    seen.messages = seen.messages[:count]


class PerTools(Generic[_T]):
    """What is made of a list of tools, once for as long as the same tuple comes: of hundreds of tools that is most
    of a turn."""

    def __init__(self, make: Callable[[tuple[ModelTool, ...]], _T]) -> None:
        self._make = make
        self._kept: dict[int, tuple[tuple[ModelTool, ...], _T]] = {}

    def of(self, tools: tuple[ModelTool, ...]) -> _T:
        kept = self._kept.get(id(tools))  # the tuple is kept with it, so the id stays its own
        if kept is None:
            if len(self._kept) >= _KEPT_LISTS:
                del self._kept[next(iter(self._kept))]  # the oldest
            kept = self._kept[id(tools)] = (tools, self._make(tools))
        return kept[1]


class PerTool(Generic[_T]):
    """What is made of a tool, once for as long as it is the same: people of one role have lists of their own, of
    the same tools."""

    def __init__(self, make: Callable[[ModelTool], _T]) -> None:
        self._make = make
        self._kept: dict[tuple[str, str], tuple[object, _T]] = {}

    def of(self, tool: ModelTool) -> _T:
        key = (tool.name, tool.description)
        kept = self._kept.get(key)
        if kept is None or kept[0] is not tool.input_schema:
            if len(self._kept) >= _KEPT_TOOLS:
                self._kept.clear()
            kept = self._kept[key] = (tool.input_schema, self._make(tool))
        return kept[1]
