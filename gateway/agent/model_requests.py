"""What a model was asked, in the log: as a change to what it was asked the turn before. Pure.

A request is a list of messages and a list of tools. The log has the digests of what is new in it, so a turn costs
what was said in it, however long the conversation is; the request can be rebuilt bit by bit.
"""

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from gateway.core.digests import short_digest, text_digest
from gateway.core.ports import Message, ModelTool, Native, ToolUse
from toolward.errors import NotFound


class UseRef(msgspec.Struct, frozen=True, array_like=True):
    id: str
    name: str
    arguments: str  # digest


class MessageRef(msgspec.Struct, frozen=True, array_like=True):
    """A message whose words are digests; `text` is empty where the message has none."""

    role: str
    text: str
    uses: tuple[UseRef, ...] = ()
    tool_use_id: str = ""
    is_error: bool = False
    native: tuple[str, str] | None = None  # source, digest of the items

    @property
    def words(self) -> tuple[str, ...]:
        """Digests of all that it consists of."""
        native = (self.native[1],) if self.native else ()
        return (*((self.text,) if self.text else ()), *(use.arguments for use in self.uses), *native)


class RequestChange(msgspec.Struct, frozen=True):
    """The first `keep` messages of the request of turn `base` (0: of none), then `add`. `tools` is the digest of
    the list of tools; `digest` is of the whole request."""

    base: int
    keep: int
    add: tuple[MessageRef, ...]
    tools: str
    digest: str


class ListedTool(msgspec.Struct, frozen=True, array_like=True):
    """A tool as it stands in the stored list: with the qualified name, which the model does not see."""

    alias: str
    name: str
    description: str
    input_schema: msgspec.Raw


class RequestDigest:
    """The digest of a request that grows: what was hashed once is not hashed again."""

    __slots__ = ("_count", "_hash")

    def __init__(self) -> None:
        self._hash = hashlib.sha256(b"[[")
        self._count = 0

    def add(self, ref: MessageRef) -> None:
        self._hash.update(b"," + _encoded(ref) if self._count else _encoded(ref))
        self._count += 1

    def of(self, more: Sequence[MessageRef], tools: str) -> str:
        """Of what was added and `more`, with the list of tools of this digest. Nothing is added."""
        whole = RequestDigest()
        whole._hash, whole._count = self._hash.copy(), self._count
        for ref in more:
            whole.add(ref)
        whole._hash.update(b"]," + msgspec.json.encode(tools) + b"]")
        return short_digest(whole._hash.digest())


def refs(messages: Sequence[Message]) -> tuple[MessageRef, ...]:
    return tuple(map(ref_of, messages))


def change(
    base: int, before: Sequence[MessageRef], now: tuple[MessageRef, ...], tools: str, digest: str = ""
) -> RequestChange:
    """What makes the messages `now` of those `before`, which turn `base` was asked with. `digest` is that of the
    request, where it is known."""
    keep = 0
    for one, other in zip(before, now, strict=False):
        if one is not other and one != other:
            break
        keep += 1
    return RequestChange(base if keep else 0, keep, now[keep:], tools, digest or request_digest(now, tools))


def request_digest(messages: Sequence[MessageRef], tools: str) -> str:
    return RequestDigest().of(messages, tools)


def _encoded(ref: MessageRef) -> bytes:
    """As it was before there was `native`, where there is none: digests on record stay what they are."""
    body = msgspec.json.encode(ref)
    return body if ref.native is not None else body[: -len(b",null]")] + b"]"


def apply(before: Sequence[MessageRef], changed: RequestChange) -> tuple[MessageRef, ...]:
    return (*before[: changed.keep], *changed.add)


def tool_list(tools: Sequence[tuple[str, str, ModelTool]]) -> bytes:
    """The list of tools as it is stored: (alias, qualified name, tool) each."""
    return msgspec.json.encode(
        [(alias, name, tool.description, tool.input_schema) for alias, name, tool in tools]
    )


def read_tool_list(body: bytes) -> tuple[ListedTool, ...]:
    return msgspec.json.decode(body, type=tuple[ListedTool, ...])


def rebuilt(messages: Sequence[MessageRef], texts: Mapping[str, bytes]) -> tuple[Message, ...]:
    """The messages themselves. Raises NotFound where words are gone."""
    return tuple(_message(ref, texts) for ref in messages)


def ref_of(message: Message) -> MessageRef:
    uses = tuple(
        UseRef(use.id, use.name, text_digest(use.arguments_json.encode())) for use in message.tool_uses
    )
    text = text_digest(message.text.encode()) if message.text else ""
    native = message.native
    kept = (native.source, text_digest(native.items.encode())) if native is not None else None
    return MessageRef(message.role, text, uses, message.tool_use_id, message.is_error, kept)


def _message(ref: MessageRef, texts: Mapping[str, bytes]) -> Message:
    uses = tuple(ToolUse(use.id, use.name, _words(use.arguments, texts)) for use in ref.uses)
    text = _words(ref.text, texts) if ref.text else ""
    native = Native(ref.native[0], _words(ref.native[1], texts)) if ref.native else None
    return msgspec.convert(
        {
            "role": ref.role,
            "text": text,
            "tool_uses": uses,
            "tool_use_id": ref.tool_use_id,
            "is_error": ref.is_error,
            "native": native,
        },
        Message,
    )


def _words(digest: str, texts: Mapping[str, bytes]) -> str:
    if (body := texts.get(digest)) is None:
        raise NotFound("Words of this request are not there any more: they were erased.")
    return body.decode()
