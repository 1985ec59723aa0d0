"""JSON as a text: its value, and where every part of that stands, so that a part can be changed and all the rest
stays as it is. Duplicate keys are refused and bounds kept. Comments, and a comma before an end, are taken:
editors write them.

Containers are read here, for the places and the depth; what is inside them by the standard library.
"""

import json
import re
from collections.abc import Mapping
from typing import NamedTuple, NoReturn

from toolward.errors import ConfigurationError
from toolward.types import Json, JsonObject

MAX_DEPTH = 64

Place = tuple[str | int, ...]
"""Where a value stands: the keys and indexes that lead to it."""

_BETWEEN = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_SYNTAX = "Check the commas, the quotes and the brackets there."


class Span(NamedTuple):
    """Offsets in the text: where the key of a member begins (of what has none, the value), the value, its end."""

    key: int
    start: int
    end: int


class JsonText(NamedTuple):
    text: str
    value: Json
    spans: Mapping[Place, Span]


def read_json(text: str, file: str, *, whole_texts: bool = False) -> JsonText:
    """`file` is its name for people. With `whole_texts` a text with half a character in it is refused, which JSON
    can say and UTF-8 cannot. Raises ConfigurationError with line and column."""
    reader = _Reader(text, file, whole_texts)
    return JsonText(text, reader.document(), reader.spans)


def behind(text: str, at: int) -> int:
    """The offset of what comes next, when blanks and comments are passed over."""
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def where(text: str, at: int) -> str:
    """`3:14`: line and column, from 1."""
    return f"{text.count(chr(10), 0, at) + 1}:{at - text.rfind(chr(10), 0, at)}"


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


_DECODER = json.JSONDecoder(parse_constant=_no_number)


class _Reader:
    """Recursive, and never deeper than MAX_DEPTH."""

    def __init__(self, text: str, file: str, whole_texts: bool) -> None:
        self._text = text
        self._whole_texts = whole_texts
        self._file = file
        self._at = 0
        self.spans: dict[Place, Span] = {}

    def document(self) -> Json:
        self._skip()
        found = self._value((), self._at, 1)
        self._skip()
        if self._at < len(self._text):
            self._refuse("something stands behind the end")
        return found

    def _value(self, place: Place, key: int, depth: int) -> Json:
        self._skip()
        start = self._at if place else key
        if self._next not in ("{", "["):
            found = self._scalar()
        else:
            if depth > MAX_DEPTH:
                self._refuse(f"this is nested more than {MAX_DEPTH} levels deep", "Make it flatter.")
            is_object = self._next == "{"
            self._at += 1
            found = self._object(place, depth) if is_object else self._array(place, depth)
        self.spans[place] = Span(key, start, self._at)
        return found

    def _object(self, place: Place, depth: int) -> JsonObject:
        found: JsonObject = {}
        first: dict[str, int] = {}
        while not self._ends("}", begun=bool(found)):
            if self._next != '"':
                self._refuse("a key in double quotes is missing")
            at, key = self._at, str(self._scalar())
            if key in found:
                line = where(self._text, first[key]).partition(":")[0]
                self._refuse(f"the key {key[:60]!r} is here twice, first on line {line}", "Remove one.")
            first[key] = at
            if not self._takes(":"):
                self._refuse("a ':' is missing")
            found[key] = self._value((*place, key), at, depth + 1)
        return found

    def _array(self, place: Place, depth: int) -> list[Json]:
        found: list[Json] = []
        while not self._ends("]", begun=bool(found)):
            found.append(self._value((*place, len(found)), self._at, depth + 1))
        return found

    def _ends(self, mark: str, *, begun: bool) -> bool:
        """Whether the container is at its end. Where something stood in it before, a comma comes first."""
        if self._takes(mark):
            return True
        if begun and not self._takes(","):
            self._refuse("a ',' is missing")
        self._skip()
        return begun and self._takes(mark)

    def _scalar(self) -> Json:
        try:
            value, self._at = _DECODER.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            self._at = error.pos
            self._refuse("this is not valid JSON")
        except ValueError:  # NaN, Infinity, and numbers of thousands of digits
            self._refuse("this is not a number that JSON has", "Put it in quotes if it is text.")
        if self._whole_texts and isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                self._refuse("a text has half a character in it (a lone surrogate)", "Write the whole one.")
        return value

    @property
    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self) -> None:
        self._at = behind(self._text, self._at)

    def _takes(self, mark: str) -> bool:
        self._skip()
        if self._next != mark:
            return False
        self._at += 1
        return True

    def _refuse(self, said: str, hint: str = "") -> NoReturn:
        if self._text.startswith("/*", self._at):
            said = "a comment does not end"
        at = where(self._text, self._at)
        raise ConfigurationError(f"{self._file}:{at}: {said}.", hint=hint or _SYNTAX) from None
