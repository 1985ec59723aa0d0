"""Reading one policy file: each mistake is noted with its file and line, and reading goes on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from gateway.core.constraints import Path
from gateway.core.globs import flaw_in_glob
from toolward.names import closest

Fields = dict[Any, Any]
"""A mapping as it stood in the file: any keys."""


class Document:
    """The values of one file, and what is wrong with them (`problems`, shared by all files)."""

    def __init__(
        self, file: str, line_of: Callable[[tuple[str | int, ...]], int | None], problems: list[str]
    ) -> None:
        self.file = file
        self.line_of = line_of
        self.problems = problems

    def note(self, path: Path, message: str) -> None:
        inner = path
        while (line := self.line_of(inner)) is None and inner:
            inner = inner[:-1]
        where = self.file if line is None else f"{self.file}:{line}"
        self.problems.append(f"{where}: {message.rstrip('.')}{'' if message.endswith('?') else '.'}")

    def check_keys(self, path: Path, fields: Mapping[Any, Any], known: Iterable[str]) -> None:
        for key in fields:
            if key not in known:
                near = closest(str(key), known)
                said = f", did you mean {near!r}?" if near else f"; there are {', '.join(known)}."
                self.note((*path, key), f"there is no key {key!r} here{said}")

    def text(self, path: Path, fields: Fields, key: str, *, required: bool = False) -> str:
        if key not in fields:
            if required:
                self.note(path, f"`{key}` is missing")
            return ""
        value = fields[key]
        if not isinstance(value, str) or not value.strip():
            self.note((*path, key), f"`{key}` must be a text, and not empty")
            return ""
        return value.strip()

    def one_of(self, path: Path, fields: Fields, key: str, known: Sequence[str]) -> str:
        """One of these words; "" when it is missing or another (and noted)."""
        text = self.text(path, fields, key)
        if not text or text in known:
            return text
        near = closest(text, known)
        listed = f"{', '.join(known[:-1])} or {known[-1]}"
        self.note(
            (*path, key), f"the {key} {text!r} is not {listed}" + (f"; did you mean {near}?" if near else "")
        )
        return ""

    def whole(self, path: Path, fields: Fields, key: str, *, most: int) -> int | None:
        """A whole number from 1 to `most`; None when it is missing or something else (and noted)."""
        if key not in fields:
            return None
        value = fields[key]
        if type(value) is int and 1 <= value <= most:  # `true` is an int, too
            return value
        self.note((*path, key), f"`{key}` must be a whole number from 1 to {most:,}, not {value!r}")
        return None

    def mapping(self, path: Path, fields: Fields, key: str, shape: str) -> Fields | None:
        """A mapping that is not empty; None when it is missing or something else (and noted)."""
        if key not in fields:
            return None
        value = fields[key]
        if isinstance(value, dict) and value:
            return cast(Fields, value)
        self.note((*path, key), f"`{key}` must be {shape}")
        return None

    def texts(
        self,
        path: Path,
        fields: Fields,
        key: str,
        flaw_of: Callable[[str], str],
        *,
        required: bool = False,
    ) -> tuple[str, ...]:
        """A list of texts that is not empty, in none of which `flaw_of` finds anything."""
        if key not in fields and not required:
            return ()
        values = fields.get(key)
        if not isinstance(values, list) or not values:
            missing = key not in fields
            like = f": write [{values}]" if isinstance(values, str) and values and "," not in values else ""
            self.note(
                path if missing else (*path, key),
                f"`{key}` is missing" if missing else f"`{key}` must be a list, and not empty{like}",
            )
            return ()
        found: list[str] = []
        for at, value in enumerate(cast(list[Any], values)):
            flaw = flaw_of(value) if isinstance(value, str) else _no_text(value)
            if flaw:
                self.note((*path, key, at), f"{value!r} in `{key}` {flaw}")
            found.append(str(value))
        return tuple(found)


def _no_text(value: Any) -> str:
    """A space behind a colon makes a mapping of what was meant as one label."""
    if isinstance(value, dict) and len(value := cast(Fields, value)) == 1:
        ((kind, name),) = value.items()
        return f"is not a text: write '{kind}:{name}', without a space"
    return "is not a text"


APPROVERS = ("user", "role", "tenant")
"""The kinds of labels by which people are named."""


def flaw_in_label(text: str, kinds: tuple[str, ...]) -> str:
    """What is wrong with a pattern over the labels of a caller, or nothing."""
    if flaw := flaw_in_glob(text):
        return flaw
    if text == "*":
        return ""
    kind, colon, name = text.partition(":")
    if colon and name and kind in kinds:
        return ""
    near = closest(kind, kinds)
    known = ", ".join(f"{kind}:NAME" for kind in kinds)
    return f"is none of {known}" + (f"; did you mean {near}:{name or 'NAME'}?" if near else "")
