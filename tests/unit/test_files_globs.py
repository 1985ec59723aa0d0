"""Globs, against a matcher that is written another way: it tries every possibility, character by character."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toolservers.files.paths.globs import matcher
from toolward.errors import ToolError


def independent(pattern: str, path: str) -> bool:
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if len(parts) == 1 and not pattern.startswith("/") and parts[0] != "**":
        parts = ["**", *parts]
    return _folders(parts, path.split("/"))


def _folders(parts: list[str], names: list[str]) -> bool:
    if not parts:
        return not names
    if parts[0] == "**":
        if len(parts) == 1:
            return bool(names)
        return any(_folders(parts[1:], names[skipped:]) for skipped in range(len(names)))
    return bool(names) and _name(parts[0], names[0]) and _folders(parts[1:], names[1:])


def _name(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    first, rest = pattern[0], pattern[1:]
    if first == "*":
        return any(_name(rest, name[skipped:]) for skipped in range(len(name) + 1))
    if first == "?":
        return bool(name) and _name(rest, name[1:])
    if first == "[" and (end := _end_of_class(pattern)):
        return bool(name) and _in_class(pattern[1:end], name[0]) and _name(pattern[end + 1 :], name[1:])
    if first == "{" and "}" in pattern and "{" not in pattern[1 : pattern.index("}")]:
        end = pattern.index("}")
        return any(_either(choice, pattern[end + 1 :], name) for choice in pattern[1:end].split(","))
    return name.startswith(first) and _name(rest, name[1:])


def _either(choice: str, rest: str, name: str) -> bool:
    return any(_name(choice, name[:cut]) and _name(rest, name[cut:]) for cut in range(len(name) + 1))


def _end_of_class(pattern: str) -> int:
    """Where the bracket ends; 0 where it does not. What comes first in it may be `]`."""
    start = 3 if pattern[1:2] == "!" else 2
    end = pattern.find("]", start)
    return 0 if end < 0 else end


def _in_class(inside: str, character: str) -> bool:
    without = inside.startswith("!")
    inside, found = inside[without:], False
    while inside:
        if len(inside) > 2 and inside[1] == "-":
            found, inside = found or inside[0] <= character <= inside[2], inside[3:]
        else:
            found, inside = found or inside[0] == character, inside[1:]
    return found is not without


PATTERNS = st.text("ab.-/*?[]!{},^\\é|()$\n", min_size=1, max_size=10)
PATHS = st.lists(st.text("ab.-]^,é!\n", min_size=1, max_size=4), min_size=1, max_size=4).map("/".join)


@settings(max_examples=300)
@example("[!]a]", "b")
@example("[!-a]", "0")
@example("[+-9]", "/")
@example("{*.md,?}", "a.md")
@example("**/a", "b/c/a")
@example("a/**", "a")
@example("/a", "b/a")
@example("[^a]", "^")
@example("a\\", "a\\")
@given(PATTERNS, PATHS)
def test_globs_match_what_an_independent_matcher_does(pattern: str, path: str) -> None:
    try:
        found = matcher((pattern,))(path)
    except ToolError:
        return
    assert found is independent(pattern, path), (pattern, path)


@pytest.mark.parametrize(
    ("pattern", "matches", "matches_not"),
    [
        ("*.md", ["a.md", "x/y/a.md", ".md"], ["a.md/b", "a.mdx"]),
        ("docs/*.md", ["docs/a.md"], ["a.md", "x/docs/a.md", "docs/x/a.md"]),
        ("docs/**", ["docs/a", "docs/x/y"], ["docs", "x/docs/a"]),
        ("docs/**/*.md", ["docs/a.md", "docs/x/y/a.md"], ["docs/a.txt"]),
        ("**", ["a", "a/b"], []),
        ("*.{md,txt}", ["a.md", "b/a.txt"], ["a.rst"]),
        ("[a-c]?.md", ["b1.md"], ["d1.md", "b/.md"]),
        ("/a", ["a"], ["b/a"]),
        ("docs/", ["docs", "x/docs"], ["docs/a"]),
    ],
)
def test_what_the_documentation_says_of_globs(
    pattern: str, matches: list[str], matches_not: list[str]
) -> None:
    found = matcher((pattern,))
    assert [path for path in matches if not found(path)] == []
    assert [path for path in matches_not if found(path)] == []


@pytest.mark.parametrize("pattern", ["", "/", ".", "./.", "x" * 501, "[z-a]", "a/[\udce9-\udcff]"])
def test_what_is_no_glob_is_refused_in_words(pattern: str) -> None:
    with pytest.raises(ToolError, match="glob"):
        matcher((pattern,))


def test_below_is_what_lies_in_what_matches() -> None:
    found = matcher((".git", "a/b"), below=True)
    assert [path for path in (".git", ".git/x/y", "x/.git/y", "a/b/c") if not found(path)] == []
    assert [path for path in ("a", "a/bc", ".gitignore", "git") if found(path)] == []
    assert not matcher((), below=True)("a")


def test_a_pattern_made_to_be_slow_is_not() -> None:
    assert not matcher(("*a" * 200 + "b",))("a" * 4000)
