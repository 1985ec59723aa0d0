"""The fields that stand before a Markdown text, between lines of `---` (YAML, its simple part) or `+++` (TOML).

---
title: "Gift cards"
updated: 2026-01-20
tags: [cards, gifts]
---
Gift cards are sold for …
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_LINES = 200
LONGEST_KEY = 60
LONGEST_VALUE = 1000
"""Characters; of a longer value the rest is left out, and said to be."""

_KEY = re.compile(r"([A-Za-z_][\w .-]*?)[ \t]*:(?:[ \t]+(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Parted:
    """`rest` is the text after the front matter. Keys are in lower case; a list's items are joined by commas.
    `not_understood` has a sentence for each line that gave nothing."""

    rest: str
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    not_understood: tuple[str, ...] = ()


def parted(text: str) -> Parted:
    """A text that has no front matter, or one that does not end within MOST_LINES, is all text."""
    lines = text.split("\n", MOST_LINES + 1)
    fence = lines[0].rstrip()
    if fence not in ("---", "+++"):
        return Parted(text)
    ends = ("---", "...") if fence == "---" else ("+++",)
    close = next((at for at, line in enumerate(lines[1 : MOST_LINES + 1], 1) if line.rstrip() in ends), 0)
    if not close:
        return Parted(text)
    rest = "\n".join(lines[close + 1 :])
    inside = lines[1:close]
    if fence == "+++":
        return _toml(inside, rest, text)
    if not any(_KEY.fullmatch(line) for line in inside):  # two rules, and text between them
        return Parted(text)
    return _yaml(inside, rest)


def _yaml(lines: list[str], rest: str) -> Parted:
    """`key: value`; what is indented, or an item (`- x`), belongs to the key above it."""
    values: dict[str, list[str]] = {}
    unclear: list[str] = []
    key = ""
    for number, line in enumerate(lines, 2):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        found = _KEY.fullmatch(line)
        if found and len(found[1]) <= LONGEST_KEY:
            key = found[1].lower()
            values[key] = _scalar(found[2] or "")
        elif key and (line[0] in " \t" or content.startswith("- ")):
            values[key] += _scalar(content.removeprefix("- "))
        else:
            unclear.append(f"Line {number} of the front matter is no `key: value`: {content[:80]!r}.")
    return _bounded({key: _joined(parts) for key, parts in values.items()}, rest, unclear)


def _scalar(value: str) -> list[str]:
    value = value.strip()
    if value in ("", "|", ">", "|-", ">-", "null", "~"):
        return []
    if value[0] == "[" and value[-1] == "]":
        return [part for item in value[1:-1].split(",") for part in _scalar(item)]
    if value[0] in "\"'" and (close := value.find(value[0], 1)) > 0:
        while value[0] == "'" and value[close : close + 2] == "''":  # how YAML writes one
            close = value.find("'", close + 2)
        if close > 0 and value[close + 1 :].strip()[:1] in ("", "#"):
            return [value[1:close].replace("''", "'") if value[0] == "'" else value[1:close]]
    return [re.split(r"\s#", value, maxsplit=1)[0].rstrip()]


def _joined(parts: list[str]) -> str:
    return ", ".join(parts)


def _toml(lines: list[str], rest: str, text: str) -> Parted:
    try:
        table = tomllib.loads("\n".join(lines))
    except (tomllib.TOMLDecodeError, RecursionError):
        return Parted(text, not_understood=("The front matter is no valid TOML, so it is left in the text.",))
    fields = {key.lower(): _as_text(value) for key, value in table.items() if len(key) <= LONGEST_KEY}
    return _bounded(fields, rest, [])


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bounded(fields: Mapping[str, str], rest: str, unclear: list[str]) -> Parted:
    for key, value in fields.items():
        if len(value) > LONGEST_VALUE:
            unclear.append(
                f"`{key}` of the front matter has {len(value):,} characters; {LONGEST_VALUE:,} are kept."
            )
    kept = {key: value[:LONGEST_VALUE] for key, value in fields.items() if value}
    return Parted(rest, kept, tuple(unclear))
