"""YAML files as plain JSON-like values that remember on which line they stood.

Strict, because what is read here decides what is allowed: duplicate keys, aliases, tags and keys that are not text
are refused, and `no` is a word.
"""

import hashlib
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.reader import ReaderError

from toolward.errors import ConfigurationError
from toolward.types import Json

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64

Place = tuple[str | int, ...]
"""Where a value stands: the keys and indexes that lead to it."""

_CORE = "tag:yaml.org,2002:"


class YamlSource:
    """A file that was read: its name for people, its value, where each part of that stood, and the SHA-256 of its
    bytes. (JSON is read into one, too.)"""

    __slots__ = ("_lines", "data", "digest", "file")

    def __init__(self, file: str, data: Json, lines: dict[Place, int], digest: str = "") -> None:
        self.file = file
        self.data = data
        self.digest = digest
        self._lines = lines

    def line_of(self, place: Place) -> int | None:
        """The line (from 1) of the key or item at `place`, or of the nearest thing around it; None in an empty
        file."""
        for length in range(len(place), -1, -1):
            if (line := self._lines.get(place[:length])) is not None:
                return line
        return None

    def at(self, place: Place) -> str:
        """`toolward.yaml:12`"""
        return f"{self.file}:{self.line_of(place) or 1}"

    def with_data(self, data: Json) -> "YamlSource":
        return YamlSource(self.file, data, self._lines, self.digest)


class FileText(NamedTuple):
    """A file as it was when it was read: its name for people, its text, the SHA-256 of its bytes."""

    file: str
    text: str
    digest: str


def load_yaml(path: Path) -> YamlSource:
    """Raises ConfigurationError that names the file, and line and column where there are any."""
    read = read_file(path)
    return parse_yaml(read.text, read.file, read.digest)


def read_file(path: Path) -> FileText:
    """At most `MAX_BYTES` of UTF-8. Raises ConfigurationError."""
    file = shown(path)
    try:
        with path.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigurationError(f"There is no file {file}.", hint="Check the path.") from None
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read: {error.strerror or error}.", hint="Check the path and who may read it."
        ) from None
    if len(raw) > MAX_BYTES:
        raise ConfigurationError(
            f"{file} is larger than {MAX_BYTES:,} bytes.",
            hint="Split it, or check that it is the right file.",
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{file}:{line}: this is not UTF-8.", hint="Save the file as UTF-8."
        ) from None
    return FileText(file, text, hashlib.sha256(raw).hexdigest())


def parse_yaml(text: str, file: str, digest: str = "") -> YamlSource:
    """`load_yaml` for a text at hand. Raises ConfigurationError."""
    yaml = YAML(typ="safe", pure=True)
    builder = _Builder(yaml, file)
    try:
        for event in _events(yaml, text):
            builder.take(event)
    except MarkedYAMLError as error:
        _refuse_syntax(file, error)
    except ReaderError as error:
        _refuse_character(file, text, error)
    except (YAMLError, RecursionError):
        raise ConfigurationError(f"{file} is not valid YAML.", hint="Check its syntax.") from None
    return YamlSource(file, builder.data, builder.lines, digest)


def shown(path: Path) -> str:
    """A path as people know it: relative where it lies below the working directory."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError, RuntimeError):  # the last for links in a circle, before Python 3.13
        return os.fspath(path)


Untyped = Any
"""What ruamel.yaml hands out; its attributes have no types."""


def _events(yaml: Untyped, text: str) -> Iterator[Untyped]:
    return yaml.parse(text)


def _refuse_character(file: str, text: str, error: Untyped) -> NoReturn:
    line = text.count("\n", 0, error.position) + 1
    raise ConfigurationError(
        f"{file}:{line}: the character {chr(error.character)!r} is not allowed in YAML.", hint="Remove it."
    ) from None


def _refuse_syntax(file: str, error: Untyped) -> NoReturn:
    mark = error.problem_mark or error.context_mark
    where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark is not None else file
    said = " ".join(str(part) for part in (error.problem, error.context) if part)
    tab = "'\\t'" in said
    hint = (
        "Indent with spaces, not tabs." if tab else "Check the indentation, the colons and the quotes there."
    )
    raise ConfigurationError(f"{where}: this is not valid YAML: {said}.", hint=hint) from None


class _Frame(NamedTuple):
    """A mapping or list that is being filled."""

    value: Any
    place: Place


class _Builder:
    """Builds the value from the parser's events, on a stack of its own: depth costs no recursion."""

    def __init__(self, yaml: YAML, file: str) -> None:
        self._yaml: Untyped = yaml
        self._file = file
        self._frames: list[_Frame] = []
        self._key: str | None = None  # of the innermost mapping, when its value comes next
        self._documents = 0
        self.data: Json = None
        self.lines: dict[Place, int] = {}

    def take(self, event: Untyped) -> None:
        kind = cast(type[Any], type(event))
        if kind is DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                self._refuse(event, "a second document starts", "Keep one document in a file; remove `---`.")
        elif kind is AliasEvent:
            self._refuse(event, "aliases (`*name`) are not taken", "Write the value out.")
        elif kind is ScalarEvent:
            self._scalar(event)
        elif kind in (MappingStartEvent, SequenceStartEvent):
            self._open(event, is_mapping=kind is MappingStartEvent)
        elif issubclass(kind, CollectionEndEvent):
            self._frames.pop()

    def _open(self, event: Untyped, *, is_mapping: bool) -> None:
        if self._expects_key():
            self._refuse(event, "a key must be text", "Put the key in quotes.")
        tag = _tag(event)
        if tag is not None and tag != _CORE + ("map" if is_mapping else "seq"):
            self._refuse(event, f"the tag {tag} is not taken", "Remove it.")
        if len(self._frames) == MAX_DEPTH:
            self._refuse(event, f"this is nested more than {MAX_DEPTH} levels deep", "Make it flatter.")
        value: Any = {} if is_mapping else []
        self._frames.append(_Frame(value, self._place(value, event)))

    def _scalar(self, event: Untyped) -> None:
        value = self._value(event)
        if not self._expects_key():
            self._place(value, event)
            return
        if not isinstance(value, str):
            self._refuse(event, f"the key {event.value} is not text", "Put the key in quotes.")
        frame = self._frames[-1]
        if value in frame.value:
            first = self.lines[(*frame.place, value)]
            self._refuse(event, f"the key {value!r} is here twice, first on line {first}", "Remove one.")
        self._key = value
        self.lines[(*frame.place, value)] = _line(event)
        frame.value[value] = None

    def _expects_key(self) -> bool:
        return bool(self._frames) and isinstance(self._frames[-1].value, dict) and self._key is None

    def _place(self, value: Any, event: Untyped) -> Place:
        """Put a value where it belongs, and say where that is."""
        if not self._frames:
            self.data = value
            self.lines[()] = _line(event)
            return ()
        frame = self._frames[-1]
        if self._key is not None:
            place = (*frame.place, self._key)
            frame.value[self._key] = value
            self._key = None
        else:
            place = (*frame.place, len(frame.value))
            frame.value.append(value)
            self.lines[place] = _line(event)
        return place

    def _value(self, event: Untyped) -> Json:
        tag = _tag(event)
        if tag is None:
            tag = str(self._yaml.resolver.resolve(ScalarNode, event.value, event.implicit))
        kind = tag.removeprefix(_CORE)
        if kind in (
            "str",
            "timestamp",
            "merge",
            "value",
        ):  # a date is text to everything that reads these files
            return event.value
        if kind not in ("null", "bool", "int", "float"):
            self._refuse(event, f"the tag {tag} is not taken", "Remove it.")
        node = ScalarNode(tag, event.value, event.start_mark, event.end_mark)
        try:
            value = self._yaml.constructor.construct_object(node)
        except (ValueError, KeyError):
            self._refuse(event, f"{event.value[:40]!r} is not a number", "Put it in quotes if it is text.")
        if isinstance(value, float) and not math.isfinite(value):
            self._refuse(event, f"{event.value} is not a finite number", "Put it in quotes if it is text.")
        return value

    def _refuse(self, event: Untyped, said: str, hint: str) -> NoReturn:
        mark = event.start_mark
        raise ConfigurationError(f"{self._file}:{mark.line + 1}:{mark.column + 1}: {said}.", hint=hint)


def _tag(event: Untyped) -> str | None:
    """An explicit tag; None where the value's form decides."""
    tag = None if event.ctag is None else str(event.ctag)
    return None if tag in (None, "", "!") else tag


def _line(event: Untyped) -> int:
    return int(event.start_mark.line) + 1
