"""What is searched for: a text as it is, or a regular expression of RE2, within single lines.

RE2 takes time that grows with the text alone, whatever the expression, and has for that no look-around and no
back-references (https://github.com/google/re2/wiki/Syntax).
"""

import re
from functools import cached_property
from typing import Any, cast

from toolward.errors import ToolError

MAX_QUERY = 1_000
"""Characters."""

MAX_MEMORY = 8 << 20
"""Bytes for one expression and its automata."""

MAX_PROGRAM = 5_000
"""Instructions of one expression. Where its automaton has too many states for its memory, each byte costs a step
(some nanoseconds) for each of them."""

_STEPS_AT_ONCE = 200_000_000  # less than a second, after which it is asked again whether anybody waits

_LITERALLY = "With regex=false the query is taken as it is."
_TOKEN = re.compile(r"\\Q.*?(?:\\E|$)|\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|.", re.DOTALL)
_LINE_END = re.compile(r"\\[nr]|[\n\r]|\[(?:\\[nr]|[\n\r])+\]")
_WHOLE_TEXT = re.compile(r"\\[AzC]|\(\?[a-zA-Z]*-")
"""What means something else in a block of lines than in one line."""

_REMEDIES = (
    (
        r"invalid perl operator: \(\?<?[=!]",
        "there is no look-around; search for the part that you want to see itself",
    ),
    (r"invalid perl operator", "there are no such groups; write (...), (?:...) or (?i)"),
    (r"invalid escape sequence: \\[1-9]", "there are no back-references; write out what may stand there"),
    (r"invalid escape sequence: \\Z", r"a line ends with $"),
    (r"invalid escape sequence", r"RE2 has no such escape; write the characters, or a class such as [ \t]"),
    (
        r"bad repetition operator",
        "there are no possessive repetitions, nor are they needed; write one operator",
    ),
    (r"no argument for repetition", r"it repeats nothing; write \* for the character itself"),
    (r"invalid repetition size", "things are repeated 1,000 times at most"),
    (r"missing [\])]|unexpected \)", r"write \( or \[ for the character itself, or close it"),
    ("pattern too large", "shorten it: fewer or smaller repetitions, such as {1,10}"),
)


class Query:
    """Compiled. Raises ToolError, which says what cannot be and what to write instead."""

    def __init__(self, text: str, *, regex: bool = False, ignore_case: bool = False) -> None:
        self.text, self.regex, self.ignore_case = text, regex, ignore_case
        if not 0 < len(text) <= MAX_QUERY or re.search("[\ud800-\udfff]", text):
            raise ToolError(f"A query has 1 to {MAX_QUERY:,} characters, and no half of a surrogate pair.")
        if _asks_for_line_end(text, regex):
            raise ToolError(
                "A search is within lines, and a query has no end of line; search for what stands in one of them"
                + (
                    r", with ^ and $ for where a line begins and ends."
                    if regex
                    else " (context=3 shows more)."
                )
            )
        self._bytes = text.encode()
        if regex:
            _require_sound(text)
        self._by_line = regex and _WHOLE_TEXT.search(text) is not None

    def first(self, block: bytes, start: int, end: int) -> tuple[int, int] | None:
        """Where the first match lies in these bytes of a block of lines of UTF-8, and never over an end of line."""
        if self._by_line:
            return self._first_by_line(block, start, end)
        match = self._compiled.search(block, start, end)
        return None if match is None else match.span()

    def _first_by_line(self, block: bytes, start: int, end: int) -> tuple[int, int] | None:
        while start < end:
            stop = block.find(b"\n", start, end)
            stop = end if stop < 0 else stop
            match = self._compiled.search(block[start:stop])
            if match is not None:
                return start + match.start(), start + match.end()
            start = stop + 1
        return None

    @property
    def reach(self) -> int:
        """Bytes to search at once."""
        return _STEPS_AT_ONCE // max(self._compiled.programsize, 1)

    @cached_property
    def _compiled(self) -> Any:
        pattern = b"(?m:" + self._bytes + b")" if self.regex else self._bytes
        return _compile(pattern, literal=not self.regex, case_sensitive=not self.ignore_case)


def _compile(pattern: bytes, **options: bool) -> Any:
    import re2  # 10 ms, and only for who searches

    library = cast(Any, re2)  # it has no types
    chosen = library.Options()
    chosen.max_mem, chosen.log_errors, chosen.never_capture, chosen.never_nl = MAX_MEMORY, False, True, True
    for name, value in options.items():
        setattr(chosen, name, value)
    return library._Regexp(pattern, chosen)  # not `compile`, whose cache keeps 128 of them


def _require_sound(text: str) -> None:
    import re2

    try:  # alone: what is put around it must not mend it, nor show in an error
        size = _compile(text.encode()).programsize
        said = "" if size <= MAX_PROGRAM else "pattern too large"
    except cast(Any, re2).error as error:
        said = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
    if said:
        remedy = next((remedy for found, remedy in _REMEDIES if re.match(found, said)), "")
        raise ToolError(
            f"RE2 does not take {text[:200]!r}: {said}{'; ' if remedy else ''}{remedy}. {_LITERALLY}"
        )


def _asks_for_line_end(text: str, regex: bool) -> bool:
    if not regex:
        return "\n" in text or "\r" in text
    return any(_LINE_END.fullmatch(token) for token in _TOKEN.findall(text))
