"""JSON and JSON Lines as lines that say where a value stands; each record of a list is a paragraph.

name: Fernhill Goods
address.city: Gent

products[0]
sku: FG-1
tags: kitchen, steel
"""

import json
from typing import Any, cast

from toolservers.documents.encodings import decoded, storable
from toolservers.documents.extracted import Extracted
from toolservers.documents.paragraphs import Paragraphs
from toolservers.documents.unreadable import Unreadable

MOST_VALUES = 2_000_000
"""Values in one JSON text: they take some hundred bytes each while they are read."""

DEEPEST = 100
"""Levels of lists and objects in one another."""

SHORT = 200
"""Characters of a list on one line, and of a value that is metadata, too."""

PIECE = 1_000_000
"""Characters of the longest paragraph, but for a value that is longer."""

MOST_METADATA = 30

_TITLES = ("title", "name", "subject")


class _Object(list[tuple[str, Any]]):
    """An object as its pairs: keys may be there twice."""


_DECODER = json.JSONDecoder(object_pairs_hook=_Object, parse_int=str, parse_float=str)
"""Numbers stay as they are written."""


def extract(data: bytes, name: str) -> Extracted:
    """What is no valid JSON stands as it is, as plain text. Raises Unreadable."""
    found = decoded(data)
    text = found.text
    records = _Records()
    top: object = None
    try:
        if name.lower().endswith((".jsonl", ".ndjson")):
            for number, line in enumerate(text.split("\n"), 1):
                _write_line(records, line, number)
        else:
            top = _parsed(text)
            records.write(top)
    except ValueError:
        return Extracted(text, "text", encoding=found.encoding, left_out=found.left_out, share=found.share)
    metadata = _metadata(top)
    title = next((metadata.pop(key) for key in _TITLES if key in metadata), "")
    return Extracted(
        storable(records.written.text),
        "json",
        title=title,
        encoding=found.encoding,
        metadata=metadata,
        left_out=(*found.left_out, *records.left_out),
        share=found.share * records.written.share,
    )


def _parsed(text: str) -> object:
    """Raises Unreadable for what is too much, ValueError for what is no JSON."""
    values = text.count(",") + text.count("[") + text.count("{")
    if values > MOST_VALUES:
        raise Unreadable(
            "too_large",
            f"It has some {values:,} values; at most {MOST_VALUES:,} are taken. Save it as JSON Lines (.jsonl), a "
            "record a line, or split it.",
        )
    return _DECODER.decode(text)


def _write_line(records: "_Records", line: str, number: int) -> None:
    if not line.strip():
        return
    try:
        value = _parsed(line)
    except ValueError:
        value = line
    records.write(value, f"line {number}")


class _Records:
    """Writes values. Paths have no end of their own (a long name at each of a million values): names are shortened,
    and no paragraph is made of more than PIECE characters before it is written."""

    def __init__(self) -> None:
        self.written = Paragraphs()
        self._lines: list[str] = []
        self._length = 0
        self._shortened = 0

    def write(self, value: object, path: str = "", depth: int = 0) -> None:
        """Of an object its values, then the lists in it that have records."""
        if not isinstance(value, _Object):
            if _has_records(value):
                for number, item in enumerate(_items(value)):
                    self.write(item, f"{path}[{number}]", _deeper(depth))
                return
            self._add_value(path, value)
            self._end()
            return
        later: list[tuple[str, object]] = []
        if path:
            self._add(path)
        self._flatten(value, "", _deeper(depth), later)
        if self._lines == [path]:
            self._lines.clear()
        self._end()
        for key, records in later:
            self.write(records, f"{path}.{key}" if path else key, _deeper(depth))

    @property
    def left_out(self) -> tuple[str, ...]:
        cut = f"Names of more than {SHORT} characters are shortened, {self._shortened:,} times."
        return (*self.written.left_out("records"), *([cut] if self._shortened else []))

    def _flatten(self, value: _Object, prefix: str, depth: int, later: list[tuple[str, object]]) -> None:
        for key, item in value:
            path = self._joined(prefix, key)
            if isinstance(item, str):  # most are
                self._add(f"{path}: {item}")
            elif isinstance(item, _Object) and item:
                self._flatten(item, path, _deeper(depth), later)
            elif _has_records(item):
                later.append((path, item))
            else:
                self._add_value(path, item)

    def _add_value(self, path: str, value: object) -> None:
        """A value, or a list of values; a long list has a line for each."""
        items = [_shown(item) for item in _items(value)]
        if not items:
            self._add(f"{path}: {_shown(value)}" if path else _shown(value))
            return
        if sum(map(len, items)) <= SHORT and not any("\n" in item for item in items):
            self._add(f"{path}: {', '.join(items)}" if path else ", ".join(items))
            return
        for number, item in enumerate(items):
            self._add(f"{path}[{number}]: {item}")

    def _joined(self, prefix: str, key: str) -> str:
        if self.written.refused:
            return ""  # it is only counted any more
        if len(key) > SHORT:
            self._shortened += 1
            key = f"{key[:SHORT]}…"
        return f"{prefix}.{key}" if prefix else key

    def _add(self, line: str) -> None:
        self._lines.append(line)
        self._length += len(line)
        if self._length > PIECE:
            self._end()

    def _end(self) -> None:
        if self._lines:
            self.written.add("\n".join(self._lines))
        self._lines.clear()
        self._length = 0


def _shown(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):  # an empty one
        return "{}" if isinstance(value, _Object) else "[]"
    return json.dumps(value)


def _items(value: object) -> list[object]:
    """Of a list; none of anything else."""
    return cast(list[object], value) if isinstance(value, list) and not isinstance(value, _Object) else []


def _has_records(value: object) -> bool:
    """Whether it is a list with lists or objects in it that are not empty."""
    return any(isinstance(item, list) and bool(cast(list[object], item)) for item in _items(value))


def _deeper(depth: int) -> int:
    if depth >= DEEPEST:
        raise Unreadable("too_dense", f"Its lists and objects are nested deeper than {DEEPEST} levels.")
    return depth + 1


def _metadata(top: object) -> dict[str, str]:
    """The short values at the top of an object."""
    if not isinstance(top, _Object):
        return {}
    short = {
        storable(key).lower(): storable(_shown(value))
        for key, value in top
        if not isinstance(value, list) and value is not None and len(key) <= SHORT
    }
    kept = [(key, value) for key, value in short.items() if 0 < len(value) <= SHORT]
    return dict(kept[:MOST_METADATA])
