"""A conversation as the Anthropic Messages wire wants it: system text apart, and turns of user and assistant that
alternate. Each message is encoded once and kept from request to request, as far as the conversation stays the same.

Turns are kept without marks for the prompt cache, which move on with every request.
"""

import re

import msgspec

from gateway.core.ports import Message, ToolUse
from gateway.models.echoed import arguments_object, sent_id
from gateway.models.encoded import in_common

CALL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""What Anthropic takes as the id of a call."""

_MARK = b',"cache_control":{"type":"ephemeral"}'

# A conversation must begin with the user; one that was cut may not.
_BEGINNING = b'{"role":"user","content":[{"type":"text","text":"(Here the conversation begins.)"}]},'


class _Text(msgspec.Struct, frozen=True, tag="text"):
    text: str


class _Use(msgspec.Struct, frozen=True, tag="tool_use"):
    id: str
    name: str
    input: msgspec.Raw


class _Result(msgspec.Struct, frozen=True, tag="tool_result", omit_defaults=True):
    tool_use_id: str
    content: str = ""
    is_error: bool = False


_encode = msgspec.json.Encoder().encode


class Turns:
    """One conversation for one endpoint: `follow` it, then take `system` and `turns`."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._messages: tuple[Message, ...] = ()
        self._system: list[bytes] = []
        self._closed: list[bytes] = []  # turns that have another after them, and a comma
        self._ends: list[int] = []  # how many messages there are before the one that began the next turn
        self._begin("")

    def _begin(self, role: str) -> None:
        self._role = role
        self._results: list[bytes] = []
        self._others: list[bytes] = []
        self._open: bytes | None = None

    def follow(self, messages: tuple[Message, ...]) -> None:
        if messages[: len(self._messages)] != self._messages:
            self._go_back(in_common(messages, self._messages))
        for place in range(len(self._messages), len(messages)):
            self._add(messages[place], place)
        self._messages = messages

    def system(self, *, marked: bool) -> bytes:
        """The list of system blocks; empty where there is no system text."""
        if not self._system:
            return b""
        last = mark(self._system[-1]) if marked else self._system[-1]
        return b"[%b]" % b",".join([*self._system[:-1], last])

    def turns(self, *, marked: bool) -> list[bytes]:
        """The list of messages, in pieces. Marked are the user's last turn and the one before it, which was the
        last of the request before: what was written to the cache then is found however much came since."""
        turns = [] if self._starts_with_user() else [_BEGINNING]
        turns += self._closed
        if self._role:
            if self._open is None:
                self._open = self._closing()
            turns.append(self._open)
        if marked:
            last = len(turns) - (2 if self._role == "assistant" else 1)
            for place in (last, last - 2):
                if place >= 0:
                    turns[place] = _mark_last_block(turns[place])
        turns[-1] = turns[-1].removesuffix(b",")
        return [b"[", *turns, b"]"]

    def _starts_with_user(self) -> bool:
        return self._closed[0].startswith(b'{"role":"user"') if self._closed else self._role == "user"

    def _add(self, message: Message, place: int) -> None:
        if message.role == "system" and not self._role and not self._closed:
            if message.text.strip():
                self._system.append(_encode(_Text(message.text)))
            return
        blocks = self._blocks(message)
        if not blocks:
            return
        role = "assistant" if message.role == "assistant" else "user"
        if role != self._role:
            if self._role:
                self._closed.append(self._closing() if self._open is None else self._open)
                self._ends.append(place)
            self._begin(role)
        (self._results if message.role == "tool" else self._others).extend(blocks)
        self._open = None

    def _closing(self) -> bytes:
        blocks = b",".join(self._results + self._others)
        return b'{"role":"%b","content":[%b]},' % (self._role.encode(), blocks)

    def _go_back(self, same: int) -> None:
        """To where a turn begins within the first `same` messages, so that nothing merges with what is kept."""
        while self._ends and self._ends[-1] >= same:
            self._ends.pop()
            self._closed.pop()
        self._begin("")
        self._messages = self._messages[: self._ends[-1]] if self._ends else ()
        if not self._ends:
            self._system = []

    def _blocks(self, message: Message) -> list[bytes]:
        if message.role == "tool":
            return [_encode(_result(message))]
        if message.native is not None and message.native.source == self._source:
            items = message.native.items.strip()[1:-1].strip()
            return [items.encode()] if items else []
        blocks = [_encode(_Text(message.text))] if message.text.strip() else []
        blocks += [_encode(_use(use)) for use in message.tool_uses]
        return blocks


def _result(message: Message) -> _Result:
    """Neither blank text nor a failure without words is taken."""
    text = message.text if message.text.strip() else ("The call failed." if message.is_error else "")
    return _Result(sent_id(message.tool_use_id, CALL_ID), text, message.is_error)


def _use(use: ToolUse) -> _Use:
    arguments = msgspec.Raw(arguments_object(use.arguments_json).encode())
    return _Use(sent_id(use.id, CALL_ID), use.name, arguments)


def mark(value: bytes) -> bytes:
    """An object with the mark that what comes before its end is worth keeping in the prompt cache."""
    return value[:-1] + _MARK + value[-1:]


def _mark_last_block(turn: bytes) -> bytes:
    return turn[:-4] + _MARK + turn[-4:]  # before }]},
