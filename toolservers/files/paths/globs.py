"""Globs over paths from a root, matched in time that grows with the path alone (RE2).

`*` and `?` stand for characters of one name, `[a-z]` and `[!a-z]` for one, `{md,txt}` for one of several. A pattern
without `/` is of a name at any depth; one with `/` begins at the root, and `**` in it is any number of folders.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from toolservers.files.paths.refusals import shown
from toolward.errors import ToolError

MAX_PATTERN = 500
"""Characters in one glob."""

_PIECE = re.compile(r"\[!?[^/][^\]/]*\]|\{[^{}/]*\}|\*+|\?|[^*?\[{]+|.", re.DOTALL)
_RANGE = re.compile(r"(.)(?:-(.))?", re.DOTALL)
_SLASH = ord("/")


@lru_cache(maxsize=256)
def matcher(patterns: tuple[str, ...], *, below: bool = False) -> Callable[[str], bool]:
    """Whether one of the globs is of a path; with `below`, or of a folder above it. Raises ToolError."""
    import re2  # 10 ms, and only for who opens a root

    library = cast(Any, re2)  # it has no types
    options = library.Options()
    options.log_errors = False
    either = "|".join(f"(?:{expression(pattern)})" for pattern in patterns) or r"[^\s\S]"
    try:
        found = library.compile(f"(?s)(?:{either}){'(?:/.*)?' if below else ''}", options)
    except library.error:  # too large
        raise _no_glob(", ".join(patterns)) from None

    def matches(path: str) -> bool:  # a name need not be UTF-8
        return found.fullmatch(path.encode(errors="replace").decode()) is not None

    return matches


def expression(pattern: str) -> str:
    """As a regular expression. Raises ToolError."""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if len(pattern) > MAX_PATTERN or not parts:
        raise ToolError(f"A glob has 1 to {MAX_PATTERN} characters; write one such as `*.md` or `docs/**`.")
    if len(parts) == 1 and not pattern.startswith("/") and parts[0] != "**":
        parts.insert(0, "**")
    *above, last = parts
    folders = "".join("(?:[^/]+/)*" if part == "**" else f"{_name(part)}/" for part in above)
    return folders + (".*" if last == "**" else _name(last))


def _name(part: str) -> str:
    return "".join(map(_piece, _PIECE.findall(part)))


def _piece(text: str) -> str:
    match text[0]:
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
        case "[" if len(text) > 2:
            return _one_of(text[1:-1])
        case "{" if len(text) > 1:
            return f"(?:{'|'.join(map(_name, text[1:-1].split(',')))})"
        case _:
            return re.escape(text.encode(errors="replace").decode())


def _one_of(inside: str) -> str:
    """Of what stands between the brackets. Raises ToolError. Each end of a range is written by its number, and `/`,
    which is in no name, is cut out of it."""
    without = inside.startswith("!")
    ranges: list[str] = []
    for first, last in _RANGE.findall(inside[without:]):
        low, high = ord(first), ord(last or first)
        if low > high or 0xD800 <= low <= 0xDFFF or 0xD800 <= high <= 0xDFFF:
            raise _no_glob(f"[{inside}]")
        for start, end in ((low, min(high, _SLASH - 1)), (max(low, _SLASH + 1), high)):
            if start <= end:
                ranges.append(rf"\x{{{start:x}}}-\x{{{end:x}}}")
    if without:
        return f"[^/{''.join(ranges)}]"
    return f"[{''.join(ranges)}]" if ranges else r"[^\s\S]"


def _no_glob(text: str) -> ToolError:
    return ToolError(f"{shown(text)} is no glob; write one such as `*.md` or `docs/**`.")
