"""What a model says, told as it comes. Parts that stand apart (two thoughts, texts around a call) are told with an
empty line between them, and stand so in the reply."""

from collections.abc import Iterable
from typing import Literal

from gateway.core.ports import OnPiece, Piece

_GAP = "\n\n"

Kind = Literal["text", "reasoning"]


class Spoken:
    def __init__(self, on_piece: OnPiece | None) -> None:
        self._on_piece = on_piece
        self._last: dict[str, object] = {}

    def say(self, kind: Kind, part: object, text: str) -> None:
        if self._on_piece is None or not text:
            return
        if kind in self._last and self._last[kind] != part:
            self._on_piece(Piece(kind, _GAP))
        self._last[kind] = part
        self._on_piece(Piece(kind, text))

    def call(self, name: str) -> None:
        if self._on_piece is not None:
            self._on_piece(Piece("call", name))


def apart(parts: Iterable[str]) -> str:
    return _GAP.join(part for part in parts if part)
