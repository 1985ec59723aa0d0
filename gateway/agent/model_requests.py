"""What a model was asked, in the log: as a change to what it was asked the turn before. Pure.

A request is a list of messages and a list of tools. The log has the digests of what is new in it, so a turn costs
what was said in it, however long the conversation is; the request can be rebuilt bit by bit.
"""

from collections.abc import Mapping, Sequence

import msgspec

from gateway.core.digests import text_digest
from gateway.core.ports import Message, ModelTool, ToolUse
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


def refs(messages: Sequence[Message]) -> tuple[MessageRef, ...]:
    return tuple(map(_ref, messages))


def change(base: int, before: Sequence[MessageRef], now: tuple[MessageRef, ...], tools: str) -> RequestChange:
    """What makes the messages `now` of those `before`, which turn `base` was asked with."""
    keep = 0
    for one, other in zip(before, now, strict=False):
        if one != other:
            break
        keep += 1
    return RequestChange(base if keep else 0, keep, now[keep:], tools, request_digest(now, tools))


def request_digest(messages: tuple[MessageRef, ...], tools: str) -> str:
    return text_digest(msgspec.json.encode((messages, tools)))


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


def _ref(message: Message) -> MessageRef:
    uses = tuple(
        UseRef(use.id, use.name, text_digest(use.arguments_json.encode())) for use in message.tool_uses
    )
    text = text_digest(message.text.encode()) if message.text else ""
    return MessageRef(message.role, text, uses, message.tool_use_id, message.is_error)


def _message(ref: MessageRef, texts: Mapping[str, bytes]) -> Message:
    uses = tuple(ToolUse(use.id, use.name, _words(use.arguments, texts)) for use in ref.uses)
    text = _words(ref.text, texts) if ref.text else ""
    return msgspec.convert(
        {
            "role": ref.role,
            "text": text,
            "tool_uses": uses,
            "tool_use_id": ref.tool_use_id,
            "is_error": ref.is_error,
        },
        Message,
    )


def _words(digest: str, texts: Mapping[str, bytes]) -> str:
    if (body := texts.get(digest)) is None:
        raise NotFound("Words of this request are not there any more: they were erased.")
    return body.decode()
