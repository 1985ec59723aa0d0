"""JSON files as values that remember on which line they stood, with duplicate keys refused and bounds kept.

Containers are read here, for the lines, the depth and the keys; what is inside them by the standard library.
"""

import json
from pathlib import Path
from typing import NoReturn

from gateway.config.source import MAX_DEPTH, Place, YamlSource, read_file
from toolward.errors import ConfigurationError
from toolward.types import Json, JsonObject

_SPACE = " \t\r\n"
_SYNTAX = "Check the commas, the quotes and the brackets there."


def load_json(path: Path) -> YamlSource:
    """Raises ConfigurationError that names the file, and line and column where there are any."""
    read = read_file(path)
    return parse_json(read.text, read.file, read.digest)


def parse_json(text: str, file: str, digest: str = "") -> YamlSource:
    """`load_json` for a text at hand. Raises ConfigurationError."""
    reader = _Reader(text, file)
    return YamlSource(file, reader.document(), reader.lines, digest)


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


_DECODER = json.JSONDecoder(parse_constant=_no_number)


class _Reader:
    """Recursive, and never deeper than MAX_DEPTH."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._at = 0
        self._counted = (0, 1)  # up to where lines were counted, and which one that is
        self.lines: dict[Place, int] = {}

    def document(self) -> Json:
        found = self._value((), 1)
        self._skip()
        if self._at < len(self._text):
            self._refuse("something stands behind the end")
        return found

    def _value(self, place: Place, depth: int) -> Json:
        self._skip()
        self.lines.setdefault(place, self._line())
        if self._next not in ("{", "["):
            return self._scalar()
        if depth > MAX_DEPTH:
            self._refuse(f"this is nested more than {MAX_DEPTH} levels deep", "Make it flatter.")
        is_object = self._next == "{"
        self._at += 1
        return self._object(place, depth) if is_object else self._array(place, depth)

    def _object(self, place: Place, depth: int) -> JsonObject:
        found: JsonObject = {}
        while not self._takes("}"):
            if found:
                self._needs(",")
            self._skip()
            if self._next != '"':
                self._refuse("a key in double quotes is missing")
            line, key = self._line(), str(self._scalar())
            if key in found:
                first = self.lines[(*place, key)]
                self._refuse(f"the key {key[:60]!r} is here twice, first on line {first}", "Remove one.")
            self.lines[(*place, key)] = line
            self._needs(":")
            found[key] = self._value((*place, key), depth + 1)
        return found

    def _array(self, place: Place, depth: int) -> list[Json]:
        found: list[Json] = []
        while not self._takes("]"):
            if found:
                self._needs(",")
            found.append(self._value((*place, len(found)), depth + 1))
        return found

    def _scalar(self) -> Json:
        try:
            value, self._at = _DECODER.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            self._at = error.pos
            self._refuse("this is not valid JSON")
        except ValueError:  # NaN, Infinity, and numbers of thousands of digits
            self._refuse("this is not a number that JSON has", "Put it in quotes if it is text.")
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                self._refuse("a text has half a character in it (a lone surrogate)", "Write the whole one.")
        return value

    @property
    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self) -> None:
        while self._at < len(self._text) and self._text[self._at] in _SPACE:
            self._at += 1

    def _takes(self, mark: str) -> bool:
        self._skip()
        if self._next != mark:
            return False
        self._at += 1
        return True

    def _needs(self, mark: str) -> None:
        if not self._takes(mark):
            self._refuse(f"a {mark!r} is missing")

    def _line(self) -> int:
        seen, line = self._counted
        self._counted = (self._at, line + self._text.count("\n", seen, self._at))
        return self._counted[1]

    def _refuse(self, said: str, hint: str = "") -> NoReturn:
        rest = self._text[self._at : self._at + 2]
        if rest in ("//", "/*"):
            said, hint = "comments are not taken here", "JSON has none; remove it, or keep a copy without."
        elif rest[:1] in ("}", "]") and self._text[: self._at].rstrip(_SPACE).endswith(","):
            hint = "Remove the comma before it: in JSON none stands before the end."
        line = self._text.count("\n", 0, self._at) + 1
        column = self._at - self._text.rfind("\n", 0, self._at)
        raise ConfigurationError(f"{self._file}:{line}:{column}: {said}.", hint=hint or _SYNTAX) from None
