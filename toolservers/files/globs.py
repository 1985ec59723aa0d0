"""Globs over paths from a root, matched in time that grows with the path alone (RE2).

`*` and `?` stand for characters of one name, `[a-z]` and `[!a-z]` for one, `{md,txt}` for one of several. A pattern
without `/` is of a name at any depth; one with `/` begins at the root, and `**` in it is any number of folders.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from toolward.errors import ToolError

MAX_PATTERN = 500
"""Characters in one glob."""

_PIECE = re.compile(r"\[!?\]?[^\]/]*\]|\{[^{}/]*\}|\*+|\?|[^*?\[{]+|.", re.DOTALL)


@lru_cache(maxsize=256)
def matcher(patterns: tuple[str, ...], *, below: bool = False) -> Callable[[str], bool]:
    """Whether one of the globs is of a path; with `below`, or of a folder above it. Raises ToolError."""
    import re2  # 10 ms, and only for who opens a root

    library = cast(Any, re2)  # it has no types

    either = "|".join(f"(?:{expression(pattern)})" for pattern in patterns) or r"[^\s\S]"
    try:
        found = library.compile(f"(?s)(?:{either}){'(?:/.*)?' if below else ''}")
    except library.error:
        raise ToolError(
            f"{', '.join(patterns)[:100]!r} is no glob; write one such as `*.md` or `docs/**`."
        ) from None
    # Bytes that are no UTF-8 become `?`, so that `*` stands for them too: a key's file is hidden whatever its name.
    return lambda path: found.fullmatch(path.encode(errors="replace")) is not None


def expression(pattern: str) -> str:
    """As a regular expression. Raises ToolError."""
    if len(pattern) > MAX_PATTERN or not pattern.strip("/"):
        raise ToolError(f"A glob has 1 to {MAX_PATTERN} characters; write one such as `*.md` or `docs/**`.")
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
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
            inside = text[1:-1].replace("\\", "\\\\").replace("[", r"\[").replace("^", r"\^")
            return f"[^/{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
        case "{" if len(text) > 1:
            return f"(?:{'|'.join(map(_name, text[1:-1].split(',')))})"
        case _:
            return re.escape(text)
