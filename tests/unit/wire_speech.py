"""What the tests of the wires share: conversations as a run has them, and readers fed with events."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from gateway.core.ports import Message, ModelTool, Native, Piece, ToolUse
from gateway.models.wire import Reader

HERE = "desk/some_wire/some-model"
ELSEWHERE = "other/some_wire/some-model"

LOOK_UP = ModelTool(
    "docs__look_up", "Finds a page.", {"type": "object", "properties": {"q": {"type": "string"}}}
)
ADD = ModelTool(
    "calc__add", "", {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
)

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)

_ARGUMENTS = st.sampled_from(
    ['{"q": "a\\u00e9"}', "{}", '{"a":1.50,"b":[null]}', '{"q": "cut', "[1]", "7", ""]
)
_TEXTS = st.sampled_from(["", " \n", "Yes.", 'The "page" é\u2028 says\x00 so.'])


@st.composite
def conversations(draw: st.DrawFn, natives: Sequence[Native] = ()) -> tuple[Message, ...]:
    """Each call is answered behind it, as the loop sees to; everything else may happen."""
    said: list[Message] = [Message("system", "Be brief.") for _ in range(draw(st.integers(0, 2)))]
    for number in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(["user", "user", "calls", "calls", "says", "system", "native"]))
        if kind == "calls":
            uses = tuple(
                ToolUse(f"call_{number}_{place}", ADD.name, draw(_ARGUMENTS))
                for place in range(draw(st.integers(1, 3)))
            )
            said.append(Message("assistant", draw(_TEXTS), uses))
            said += [Message("tool", draw(_TEXTS), (), use.id, draw(st.booleans())) for use in uses]
        elif kind == "native" and natives:
            said.append(Message("assistant", draw(_TEXTS), native=draw(st.sampled_from(natives))))
        elif kind in ("user", "system"):
            said.append(Message(kind, draw(_TEXTS)))
        else:
            said.append(Message("assistant", draw(_TEXTS)))
    return (*said, Message("user", "Go on."))


def fed(reader: Reader, events: Iterable[dict[str, Any]]) -> bool:
    """Whether the last of them ended the reply."""
    ended = False
    for event in events:
        ended = reader.event(event.get("type", ""), json.dumps(event).encode())
    return ended


def spoken(pieces: Sequence[Piece], kind: str) -> str:
    return "".join(piece.text for piece in pieces if piece.kind == kind)


@st.composite
def fragments(draw: st.DrawFn, text: str) -> list[str]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
