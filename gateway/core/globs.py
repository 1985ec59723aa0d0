"""Names by pattern. Only `*` is special (any run of characters), and it is never added silently."""

import re
from collections.abc import Iterable
from functools import lru_cache

_NOT_IN_GLOB = re.compile(r"[\s?\[\]{}!,|\\^$()]")


class Globs:
    """A set of patterns, compiled. An empty set matches nothing."""

    __slots__ = ("_wild", "exact", "patterns")

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)
        self.exact = frozenset(pattern for pattern in self.patterns if "*" not in pattern)
        wild = [_expression(pattern) for pattern in self.patterns if "*" in pattern]
        self._wild = re.compile("|".join(wild), re.DOTALL) if wild else None

    @property
    def is_exact(self) -> bool:
        return self._wild is None

    def matches(self, name: str) -> bool:
        return name in self.exact or (self._wild is not None and self._wild.fullmatch(name) is not None)

    def matches_any(self, names: Iterable[str]) -> bool:
        return any(map(self.matches, names))

    def __repr__(self) -> str:
        return f"Globs({list(self.patterns)})"


@lru_cache(maxsize=1024)
def globs(patterns: tuple[str, ...]) -> Globs:
    """`Globs(patterns)`, compiled once; for patterns that arrive with a call, like those of an agent."""
    return Globs(patterns)


def flaw_in_glob(pattern: str) -> str:
    """What is wrong with a pattern in general, or nothing."""
    if not pattern:
        return "is empty"
    if found := _NOT_IN_GLOB.search(pattern):
        return f"has {found[0]!r} in it, and only * is a wildcard"
    return ""


def flaw_in_tool_glob(pattern: str) -> str:
    """What is wrong with a pattern over qualified names, or nothing."""
    if flaw := flaw_in_glob(pattern):
        return flaw
    if "." in pattern or pattern == "*":
        return ""
    backend, underscores, tool = pattern.partition("__")
    if underscores and backend and tool:
        return f"is an alias: write {backend}.{tool}"
    return f"names no backend: write BACKEND.{pattern}, or * for every tool"


def _expression(pattern: str) -> str:
    """Each piece between stars is an atomic group, so that no pattern takes more than linear time a star."""
    first, *middle, last = map(re.escape, pattern.split("*"))
    return first + "".join(f"(?>.*?{piece})" for piece in middle) + f".*{last}"
