"""Output rules: what callers see of a result that a rule let through, and whether it is trusted.

Applied after the result was checked against what its tool promised, so a redacted one may break that promise.
Every text is looked at: text content, resources, annotations, every string, name and whole number inside structured
content, what errors quote, and what a backend says while it works. Not looked at: images, sounds, blobs.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from operator import is_
from typing import Any, NamedTuple, cast

import msgspec
from msgspec.structs import replace

from gateway.core.patterns import Pattern, Span
from toolward.errors import BY_CODE, ToolwardError
from toolward.types import (
    AudioContent,
    Content,
    EmbeddedResource,
    ImageContent,
    Json,
    JsonObject,
    LogEntry,
    Progress,
    ResourceLink,
    TextContent,
    ToolResult,
    Trust,
)

_ROUNDS = 8  # what is left after a redaction may match anew; a text that goes on and on is redacted whole
_BITS = 128  # of the whole numbers that are looked at; nothing that a pattern means is longer


class Output(NamedTuple):
    """Of one rule. Without patterns a result is passed on as it came, unread."""

    redact: tuple[Pattern, ...] = ()
    trust: Trust = "untrusted"

    def of(self, result: ToolResult) -> ToolResult:
        """The result as callers see it."""
        if self.redact:
            result = redactor(self.redact).result(result)
        return result if result.trust == self.trust else replace(result, trust=self.trust)


AS_IT_IS = Output()


@lru_cache(maxsize=256)
def redactor(patterns: tuple[Pattern, ...]) -> "Redactor":
    """`Redactor(patterns)`, made once."""
    return Redactor(patterns)


def mark(name: str) -> str:
    """What stands in the place of what a pattern found."""
    return f"[redacted: {name}]"


class Redactor:
    """Redacts by several patterns. What does not change is given back as it is, the same object."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._patterns = tuple(patterns)
        names = "|".join(re.escape(pattern.name) for pattern in patterns)
        self._marks = re.compile(rf"(\[redacted: (?:{names})\])")

    def text(self, text: str) -> str:
        """No pattern finds anything in the parts of the answer that are not marks."""
        for _ in range(_ROUNDS):
            pieces = self._marks.split(text)  # text, mark, text, …
            pieces[::2] = map(self._once, pieces[::2])
            if (redacted := "".join(pieces)) == text:
                return text
            text = redacted
        return mark(self._patterns[0].name)

    def value(self, value: Json) -> Json:
        """A JSON value; one that was parsed under a bound on its depth."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return self._list(cast(list[Any], value))
        if isinstance(value, dict):
            return self._object(cast(JsonObject, value))
        if type(value) is int and value.bit_length() <= _BITS:  # `true` is an int, too
            written = str(value)
            return value if (redacted := self.text(written)) == written else redacted
        return value

    def result(self, result: ToolResult) -> ToolResult:
        content = tuple(map(self._content, result.content))
        structured = result.structured_json
        if structured is not None:
            value = msgspec.json.decode(structured)
            if (redacted := self.value(value)) is not value:
                structured = msgspec.json.encode(redacted)
        return replace(result, content=content, structured_json=structured)

    def error(self, error: ToolwardError) -> ToolwardError:
        """What a backend said is in its errors, too: also in ours about what it answered."""
        violations = [
            replace(one, pointer=self.text(one.pointer), message=self.text(one.message))
            for one in error.violations
        ]
        return BY_CODE[error.code](  # not its own class, which may be made of other things
            self.text(error.message),
            hint=self.text(error.hint),
            violations=violations,
            rule=error.rule,
            request_id=error.request_id,
            retry_after=error.retry_after,
        )

    def progress(self, progress: Progress) -> Progress:
        return replace(progress, message=self._maybe(progress.message))

    def log_entry(self, entry: LogEntry) -> LogEntry:
        return replace(entry, message=self.text(entry.message), fields=self.value(entry.fields))

    def _content(self, piece: Content) -> Content:
        piece = replace(piece, annotations=self.value(piece.annotations))
        match piece:
            case TextContent():
                return replace(piece, text=self.text(piece.text))
            case ResourceLink():
                return replace(
                    piece,
                    uri=self.text(piece.uri),
                    name=self.text(piece.name),
                    title=self._maybe(piece.title),
                    description=self._maybe(piece.description),
                )
            case EmbeddedResource():
                body = piece.resource
                return replace(
                    piece, resource=replace(body, uri=self.text(body.uri), text=self._maybe(body.text))
                )
            case ImageContent() | AudioContent():
                return piece

    def _maybe(self, text: str | None) -> str | None:
        return None if text is None else self.text(text)

    def _list(self, values: list[Any]) -> list[Any]:
        redacted = [self.value(value) for value in values]
        return values if all(map(is_, values, redacted)) else redacted

    def _object(self, fields: JsonObject) -> JsonObject:
        redacted: JsonObject = {}
        for name, value in fields.items():
            shown = self.text(name)
            number = 1
            while shown in redacted or (shown != name and shown in fields):  # nothing may vanish by its name
                number += 1
                shown = f"{self.text(name)} ({number})"
            redacted[shown] = self.value(value)
        unchanged = redacted.keys() == fields.keys() and all(map(is_, fields.values(), redacted.values()))
        return fields if unchanged else redacted

    def _once(self, text: str) -> str:
        found = [(*span, pattern.name) for pattern in self._patterns for span in pattern.find(text)]
        if not found:
            return text
        pieces: list[str] = []
        done = 0
        for (start, end), name in _apart(found):
            pieces += (text[done:start], mark(name))
            done = end
        return "".join((*pieces, text[done:]))


def _apart(found: list[tuple[int, int, str]]) -> list[tuple[Span, str]]:
    """In order, those that overlap as one; it has the name of the one that begins first, or is longest."""
    merged: list[tuple[Span, str]] = []
    for start, end, name in sorted(found, key=lambda one: (one[0], -one[1])):
        if merged and start < merged[-1][0][1]:
            (first, last), known = merged[-1]
            merged[-1] = (first, max(last, end)), known
        else:
            merged.append(((start, end), name))
    return merged
