"""One member of an object of a JSON text, put in, replaced or taken out; comments, neighbours, indentation and ends
of lines stay as they are. Taking out undoes putting in, byte for byte."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple, cast

from gateway.desktop.edits import Edit, applied, line_end, value_at
from gateway.desktop.json_text import JsonText, Span, behind, read_json
from toolward.errors import ConfigurationError
from toolward.types import Json, JsonObject

_BLANKS = " \t\r\n"
_COMMENT = re.compile(r"//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_TO_END_OF_LINE = re.compile(r"(?:[ \t]+|/\*[^\r\n]*?\*/)*(?://[^\r\n]*)?")


def value_of(text: str, file: str) -> Json:
    """What the text says; of an empty one an empty object. Raises ConfigurationError where it is no JSON."""
    return _read(text, file).value


def with_member(text: str, place: tuple[str, ...], value: Json, file: str) -> str:
    """Objects on the way there are made where they are missing; of an object that is there only what differs is
    changed. Raises ConfigurationError."""
    if not text.strip(_BLANKS):
        nl = line_end(text)
        return nl.join((*_lines(_nested(place, value), "  "), ""))
    read = read_json(text, file)
    there = len(place)
    while there and place[:there] not in read.spans:
        there -= 1
    if there == len(place):
        return _changed(read, place, value, file)
    if not isinstance(value_at(read.value, place[:there]), dict):
        named = ".".join(place[:there]) or "the file"
        raise ConfigurationError(f"{file}: {named} is no JSON object.", hint="Make it one: {}")
    return applied(text, _adding(read, place[:there], place[there], _nested(place[there + 1 :], value)))


def _changed(read: JsonText, place: tuple[str, ...], value: Json, file: str) -> str:
    """Member by member, so that comments between them stay."""
    text, old = read.text, value_at(read.value, place)
    if not (old and value and isinstance(old, dict) and isinstance(value, dict)):
        return applied(text, [_replacing(read, place, value)])
    before, after = cast(JsonObject, old), cast(JsonObject, value)
    for key, one in after.items():
        if key not in before or before[key] != one:
            text = with_member(text, (*place, key), one, file)
    for key in before.keys() - after.keys():
        text = without_member(text, (*place, key), file)
    return text


def without_member(text: str, place: tuple[str, ...], file: str, *, made: int = 0) -> str:
    """The text as it is where nothing is at `place`. `made` objects around it go, too, where they are empty then:
    those that putting it in had made. Raises ConfigurationError."""
    read = _read(text, file)
    if place not in read.spans:
        return text
    text = applied(text, _removing(read, place))
    if made and len(place) > 1 and value_at(value_of(text, file), place[:-1]) == {}:
        return without_member(text, place[:-1], file, made=made - 1)
    return text


def _read(text: str, file: str) -> JsonText:
    return read_json(text, file) if text.strip(_BLANKS) else JsonText(text, {}, {})


def _nested(place: tuple[str, ...], value: Json) -> Json:
    for key in reversed(place):
        value = {key: value}
    return value


def _members(read: JsonText, place: tuple[str, ...]) -> list[Span]:
    return [read.spans[(*place, key)] for key in cast(JsonObject, value_at(read.value, place))]


class _Look(NamedTuple):
    """How members of an object are set: before each key (empty where all is on one line), and one step deeper."""

    indent: str | None
    step: str
    nl: str


def _look(read: JsonText, place: tuple[str, ...]) -> _Look:
    text, nl = read.text, line_end(read.text)
    outer = _indent(text, read.spans[place].key) or ""
    members = _members(read, place)
    tops = _members(read, ()) if isinstance(read.value, dict) else []
    step = next((found for one in tops[:1] if (found := _indent(text, one.key))), "  ")
    if not members:
        return _Look(outer + step, step, nl)
    between = text[read.spans[place].start + 1 : members[0].key]
    if "\n" not in between:
        return _Look(None, step, nl)
    inner = _indent(text, members[0].key)
    return _Look(outer + step if inner is None else inner, step, nl)


def _indent(text: str, at: int) -> str | None:
    """What stands before it in its line, where that is only blanks."""
    before = text[text.rfind("\n", 0, at) + 1 : at]
    return before if not before.strip(" \t") else None


def _written(value: Json, look: _Look) -> str:
    if look.indent is None:
        return json.dumps(value, ensure_ascii=False)
    return f"{look.nl}{look.indent}".join(_lines(value, look.step))


def _lines(value: Json, step: str) -> Iterator[str]:
    """Objects over several lines, lists in one."""
    if not isinstance(value, dict) or not value:
        yield json.dumps(value, ensure_ascii=False)
        return
    items = cast(JsonObject, value)
    yield "{"
    for number, (key, one) in enumerate(items.items(), 1):
        first, *rest = _lines(one, step)
        lines = [f"{json.dumps(key, ensure_ascii=False)}: {first}", *rest]
        yield from (f"{step}{line}" for line in lines[:-1])
        yield f"{step}{lines[-1]}{',' if number < len(items) else ''}"
    yield "}"


def _adding(read: JsonText, place: tuple[str, ...], key: str, value: Json) -> list[Edit]:
    """As the last member; behind a comma where another stands before it, and with one where that had one."""
    text, look, span = read.text, _look(read, place), read.spans[place]
    new = f"{json.dumps(key, ensure_ascii=False)}: {_written(value, look)}"
    members = _members(read, place)
    if not members:
        outer = _indent(text, span.key) or ""
        inside = text[span.start + 1 : span.end - 1]
        if not inside.strip(_BLANKS):  # {} or blanks, which come back when ours is taken out
            return [Edit(span.start + 1, span.end - 1, f"{look.nl}{look.indent}{new}{look.nl}{outer}")]
        at = span.start + 1 + len(inside.rstrip(_BLANKS))  # behind comments
        if "\n" in text[at : span.end - 1]:
            return [Edit(at, at, f"{look.nl}{look.indent}{new}")]
        return [
            Edit(at, at, f" {json.dumps(key, ensure_ascii=False)}: {json.dumps(value, ensure_ascii=False)}")
        ]
    last = members[-1].end
    comma = behind(text, last)
    trailing = text.startswith(",", comma)
    at = comma + 1 if trailing else last
    if look.indent is None:
        return [Edit(at, at, f" {new}," if trailing else f", {new}")]
    line = _line_rest(text, at)
    written = f"{look.nl}{look.indent}{new}"
    if trailing:
        return [Edit(line, line, f"{written},")]
    return (
        [Edit(last, last, f",{written}")]
        if line == last
        else [Edit(last, last, ","), Edit(line, line, written)]
    )


def _line_rest(text: str, at: int) -> int:
    """Behind the comments that stand in the same line: they belong to what is before them. Blanks alone stay where
    they are."""
    found = _TO_END_OF_LINE.match(text, at)
    end = found.end() if found else at
    return at if not text[at:end].strip(_BLANKS) else at + len(text[at:end].rstrip(" \t"))


def _replacing(read: JsonText, place: tuple[str, ...], value: Json) -> Edit:
    span = read.spans[place]
    if span.start == span.key:
        return Edit(span.start, span.end, json.dumps(value, ensure_ascii=False))
    around = _look(read, place[:-1])
    return Edit(span.start, span.end, _written(value, around))


def _removing(read: JsonText, place: tuple[str, ...]) -> list[Edit]:
    text, span, outer = read.text, read.spans[place], read.spans[place[:-1]]
    members = _members(read, place[:-1])
    index = members.index(span)
    comma = behind(text, span.end)
    followed = text.startswith(",", comma)
    end = comma + 1 if followed and not text[span.end : comma].strip(_BLANKS) else span.end
    around = text[outer.start + 1 : span.key] + text[end : outer.end - 1]
    if len(members) == 1 and not around.strip(_BLANKS):
        return [Edit(outer.start + 1, outer.end - 1, "")]
    edits = [Edit(_line_start(read, place, end), end, "")]
    if followed and end == span.end:
        edits.append(Edit(comma, comma + 1, ""))  # a comment stands between, and stays
    elif not followed and index:
        before = behind(text, members[index - 1].end)
        edits.append(Edit(before, before + 1, ""))
    return edits


def _line_start(read: JsonText, place: tuple[str, ...], end: int) -> int:
    """From where the blanks before a key go with it: with its line, where it has one of its own."""
    text, key = read.text, read.spans[place].key
    start = len(text[:key].rstrip(_BLANKS))
    blanks = text[start:key]
    if "\n" not in blanks:
        return start if text.endswith((",", "*/"), 0, start) else key
    follows = text[end:].lstrip(" \t")[:1]
    alone = follows in ("\r", "\n", "") or (follows != '"' and not _in_line_comment(read, place, start))
    if not alone:
        return key  # what follows would stand in the line before, or in its comment
    line = start + blanks.rindex("\n")
    return line - 1 if text[line - 1] == "\r" and line > start else line


def _in_line_comment(read: JsonText, place: tuple[str, ...], at: int) -> bool:
    """Whether the text before `at` ends in a comment that the end of a line ends."""
    members = _members(read, place[:-1])
    index = members.index(read.spans[place])
    before = members[index - 1].end if index else read.spans[place[:-1]].start + 1
    comments = [found[0] for found in _COMMENT.finditer(read.text, before, at)]
    return bool(comments) and comments[-1].startswith("//")
