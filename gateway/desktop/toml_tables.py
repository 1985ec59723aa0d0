"""One table of a TOML text, put in at its end or taken out; all the rest stays byte for byte.

What the text says is read by `tomllib`; here it is only cut into lines, of which those inside strings and arrays of
several lines are no headers.
"""

import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

from gateway.desktop.edits import Edit, applied, line_end, value_at
from toolward.errors import ConfigurationError
from toolward.types import Json, JsonObject

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_MARK = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}' r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'" r"|\#[^\n]*" r"|[\[\]{}\n]",
    re.DOTALL,
)  # fmt: skip


def value_of(text: str, file: str) -> JsonObject:
    """What the text says. Raises ConfigurationError where it is no TOML."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{file}: this is not valid TOML: {error}.", hint="Mend it there.") from None


def with_table(text: str, place: tuple[str, ...], values: JsonObject, file: str) -> str:
    """Raises ConfigurationError, also where the file says such tables in a way that cannot be added to."""
    there = value_at(value_of(text, file), place)
    if isinstance(there, dict):
        with suppress(ConfigurationError, tomllib.TOMLDecodeError):
            after = applied(text, _changes(text, place, cast(JsonObject, there), values))
            return _checked(text, after, place, values, file)
    if there is not None:
        text = without_table(text, place, file)
    nl = line_end(text)
    gap = "" if not text else nl if text.endswith("\n") else nl * 2
    after = f"{text}{gap}{_written(place, values).replace(chr(10), nl)}"
    return _checked(text, after, place, values, file)


def _changes(text: str, place: tuple[str, ...], before: JsonObject, after: JsonObject) -> Iterator[Edit]:
    """Line by line, so that comments between them stay; right only where our table has one line for each key."""
    inside, end, nl = False, 0, line_end(text)
    for at, to in _lines(text):
        said = text[at:to].strip()
        if not said or said.startswith("#"):
            continue
        if said.startswith("["):
            inside = _keys(said) == place
        elif inside:
            key = next(iter(tomllib.loads(said)))
            start = at + text[at:to].index(said)
            if key not in after:
                yield Edit(at, to, "")
            elif before[key] != after[key]:
                yield Edit(start, start + len(_without_comment(said)), f"{_key(key)} = {_value(after[key])}")
        end = to if inside else end
    new = "".join(f"{_key(key)} = {_value(one)}{nl}" for key, one in after.items() if key not in before)
    yield Edit(end, end, new if text.endswith("\n", 0, end) else f"{nl}{new}")


def _without_comment(said: str) -> str:
    marks = [found[0] for found in _MARK.finditer(said)]
    return said.removesuffix(marks[-1]).rstrip() if marks and marks[-1].startswith("#") else said


def without_table(text: str, place: tuple[str, ...], file: str, *, made: int = 0) -> str:
    """With the tables inside it. The text as it is where nothing is at `place`; `made` is as for JSON, and here
    nothing need be made around a table. Raises ConfigurationError."""
    del made
    if value_at(value_of(text, file), place) is None:
        return text
    return _checked(text, applied(text, _cuts(text, place)), place, None, file)


def _cuts(text: str, place: tuple[str, ...]) -> Iterator[Edit]:
    """Each run of lines that is ours, up to its last that says something: comments and empty lines before the next
    header are that one's. The empty line before it goes with it where another, or nothing, follows."""
    ours, lines = False, list(_lines(text))
    start, end = 0, 0
    for at, to in (*lines, (len(text), len(text))):
        said = text[at:to].strip()
        if said.startswith("[") or at == to:
            if ours and (at == to or _keys(said)[: len(place)] != place):
                yield Edit(_with_gap(text, start, end), end, "")
                ours = False
            elif not ours and at < to and _keys(said)[: len(place)] == place:
                ours, start = True, at
        if said and not said.startswith("#"):
            end = to


def _with_gap(text: str, start: int, end: int) -> int:
    before = text[:start]
    for gap in ("\n\r\n", "\n\n"):
        if before.endswith(gap) and (end == len(text) or text.startswith(("\n", "\r\n"), end)):
            return start - len(gap) + 1
    return start


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """From where to where each goes; what is in strings and brackets of several lines is one."""
    start, depth = 0, 0
    for found in _MARK.finditer(text):
        mark = found[0]
        if mark == "\n" and not depth:
            yield start, found.end()
            start = found.end()
        elif mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
    if start < len(text):
        yield start, len(text)


def _keys(header: str) -> tuple[str, ...]:
    """`[a."b c"]` -> ("a", "b c")"""
    found: Any = tomllib.loads(header)
    keys: list[str] = []
    while found:
        found = cast(list[Any], found)[0] if isinstance(found, list) else found
        for key, inner in cast(dict[str, Any], found).items():
            keys.append(key)
            found = inner
    return tuple(keys)


def _written(place: tuple[str, ...], values: JsonObject) -> str:
    lines = [f"[{'.'.join(map(_key, place))}]"]
    lines += [f"{_key(name)} = {_value(one)}" for name, one in values.items()]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, cast(list[Json], value)))}]"
    if isinstance(value, dict):
        pairs = (f"{_key(name)} = {_value(one)}" for name, one in cast(JsonObject, value).items())
        return f"{{ {', '.join(pairs)} }}"
    return str(value)


def _text(value: str) -> str:
    """A basic string: JSON's escapes are TOML's, but for surrogate pairs and DEL."""
    out = ['"']
    for char in value:
        if char in '"\\':
            out.append(f"\\{char}")
        elif char.isprintable():
            out.append(char)
        else:
            out.append(f"\\U{ord(char):08X}")
    return "".join((*out, '"'))


def _checked(before: str, after: str, place: tuple[str, ...], values: JsonObject | None, file: str) -> str:
    """That the new text says the same as the old one, but at `place`. Raises ConfigurationError."""
    try:
        same = _said(after, place) == _said(before, place)
        ours = value_at(value_of(after, file), place)
    except (tomllib.TOMLDecodeError, ConfigurationError):
        same, ours = False, None
    if not same or ours != values:
        raise ConfigurationError(
            f"{file}: {'.'.join(place[:-1])} is written there in a way that cannot be changed from outside.",
            hint="Change it by hand.",
        )
    return after


def _said(text: str, place: tuple[str, ...]) -> str:
    """All but what is at `place`, in one order, as a text: `nan` is equal to nothing."""
    found: Any = tomllib.loads(text)
    return repr(_ordered(found, place))


def _ordered(value: Any, without: tuple[str, ...]) -> Any:
    if not isinstance(value, dict):
        return value
    items = cast(dict[str, Any], value)
    kept = {
        key: _ordered(items[key], without[1:] if without[:1] == (key,) else ())
        for key in sorted(items)
        if without != (key,)
    }
    return {key: one for key, one in kept.items() if one != {}}
