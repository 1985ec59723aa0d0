"""Reading a YAML value strictly, key by key. Problems are collected, so that all of them are told at once."""

import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TypeVar, cast

from gateway.config.secrets import Substituted
from gateway.config.source import Place, YamlSource
from gateway.core.model_spec import BILLION
from toolward.errors import ConfigurationError
from toolward.names import closest
from toolward.types import Json, JsonObject

ValueT = TypeVar("ValueT")

MOST_DOLLARS = 1_000_000

_SHOWN = 60  # characters of a wrong value that a message quotes


class Problems:
    """What is wrong with one file so far."""

    def __init__(self, source: YamlSource) -> None:
        self._source = source
        self._found: list[tuple[int, str]] = []
        self._settled: set[Place] = set()

    def add(self, place: Place, said: str, *, at: Place | None = None) -> None:
        """`said` goes on from the name of `place`: "must be text". The line is that of `at`, or of `place`."""
        if place in self._settled:
            return
        stands = place if at is None else at
        line = self._source.line_of(stands) or 1
        self._found.append((line, f"{self._source.at(stands)}: {name_of(place)} {said}"))

    def add_only(self, place: Place, said: str) -> None:
        """`add`, and whatever else is found at `place` is a consequence."""
        self.add(place, said)
        self._settled.add(place)

    def add_file(self, error: ConfigurationError) -> None:
        """What is wrong with a file that this one names: told behind this one's own."""
        self._found.append((sys.maxsize, error.text))

    def at(self, place: Place) -> str:
        """`toolward.yaml:12`"""
        return self._source.at(place)

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each problem, in the order of the file."""
        return tuple(said for _, said in sorted(self._found, key=lambda found: found[0]))

    def raise_any(self) -> None:
        """Raises ConfigurationError with these lines."""
        if self._found:
            raise ConfigurationError("\n".join(self.lines))


def name_of(place: Place) -> str:
    """`backends.crm.command[0]`"""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in place]
    return "".join(parts).lstrip(".") or "the file"


def said_of(value: Json) -> str:
    """A wrong value as a message may quote it."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if isinstance(value, Substituted) or len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


class Section:
    """A mapping that is being read. Every method notes what is wrong and then gives a harmless value, so that
    reading goes on to the next problem."""

    def __init__(self, problems: Problems, place: Place, value: Json) -> None:
        self.place = place
        self._problems = problems
        self._values: JsonObject = {}
        if isinstance(value, dict):
            self._values = cast(JsonObject, value)
        else:
            problems.add(place, f"must be a mapping, not {said_of(value)}")

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def raw(self, key: str) -> Json:
        return self._values.get(key)

    def members(self) -> "Iterator[tuple[str, Section]]":
        """Every key with its value, which must be a mapping."""
        return ((key, self.section(key)) for key in self._values)

    def amiss(self, said: str) -> None:
        """Of the mapping itself, or of its name."""
        self._problems.add(self.place, said)

    def wrong(self, key: str, said: str) -> None:
        self._problems.add((*self.place, key), said)

    def wrong_item(self, key: str, index: int, said: str) -> None:
        self._problems.add((*self.place, key, index), said)

    def only(self, *known: str) -> None:
        """Note every other key."""
        for key in self._values:
            if key not in known:
                near = closest(key, known)
                rest = f"did you mean {near!r}?" if near else f"it may have {', '.join(known)}"
                self._problems.add(self.place, f"has an unknown key {key!r}; {rest}", at=(*self.place, key))

    def missing(self, key: str, example: str) -> None:
        self._problems.add(self.place, f"lacks the key {key!r}; write, for example, {example}")

    def text(self, key: str, default: str = "", *, secret: bool = False) -> str:
        """`secret`: a wrong value is never quoted."""
        return self._scalar(key, default, str, "text", secret=secret) or default

    def needed_text(self, key: str, example: str) -> str:
        if key not in self:
            self.missing(key, example)
            return ""
        value = self.text(key)
        if value == "" and self._values[key] == "":
            self.wrong(key, "is empty")
        return value

    def flag(self, key: str, default: bool) -> bool:
        return self._scalar(key, default, bool, "true or false")

    def seconds(self, key: str, default: float, *, most: float = 3600) -> float:
        value = self._values.get(key, default)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= most:
            return float(value)
        self.wrong(key, f"must be a number of seconds, above 0 and at most {most:g}, not {said_of(value)}")
        return default

    def number(self, key: str, default: float, *, most: float) -> float:
        """From 0."""
        value = self._values.get(key, default)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most:
            return float(value)
        self.wrong(key, f"must be a number from 0 to {most:,}, not {said_of(value)}")
        return default

    def count(self, key: str, default: int, *, least: int, most: int) -> int:
        value = self._values.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.wrong(key, f"must be a whole number from {least} to {most:,}, not {said_of(value)}")
        return default

    def dollars(self, key: str) -> int:
        """An amount of US dollars, in billionths; 0 where there is none."""
        value = self._values.get(key, 0)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_DOLLARS:
            return round(Decimal(str(value)) * BILLION)
        self.wrong(key, f"must be a number of US dollars, from 0 to {MOST_DOLLARS:,}, not {said_of(value)}")
        return 0

    def one_of(self, key: str, *choices: str) -> str:
        """One of `choices`; it must be there."""
        if key not in self:
            self.missing(key, f"{key}: {choices[0]}")
            return choices[0]
        value = self.raw(key)
        if value in choices:
            return str(value)
        near = closest(value, choices) if isinstance(value, str) else None
        meant = f"; did you mean {near!r}?" if near else ""
        self.wrong(key, f"must be {' or '.join(choices)}, not {said_of(value)}{meant}")
        return choices[0]

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of text."""
        found: list[str] = []
        for place, value in self._items(key):
            if isinstance(value, str) and value:
                found.append(value)
            else:
                self._problems.add(place, f"must be text, not {said_of(value)}")
        return tuple(found)

    def names(self, key: str, default: str) -> tuple[str, ...]:
        """One text, or a list of them with at least one."""
        value = self._values.get(key, default)
        if isinstance(value, str) and value:
            return (value,)
        if isinstance(value, list) and value:
            return self.texts(key) or (default,)
        self.wrong(key, f"must be a name or a list of them, and not empty, not {said_of(value)}")
        return (default,)

    def sections(self, key: str) -> "list[Section]":
        """A list of mappings."""
        return [Section(self._problems, place, value) for place, value in self._items(key)]

    def section(self, key: str) -> "Section":
        """A mapping; an empty one where there is none."""
        return Section(self._problems, (*self.place, key), self._values.get(key, {}))

    def text_map(self, key: str) -> dict[str, str]:
        """A mapping from names to text, such as an environment. Its values are never quoted."""
        inner = self.section(key)
        return {name: inner.text(name, secret=True) for name in inner}

    def converted(self, key: str, convert: Callable[[str], ValueT], default: ValueT, expected: str) -> ValueT:
        """A text that `convert` understands; it raises ValueError where it does not."""
        if key not in self:
            return default
        value = self._values[key]
        try:
            return convert(value) if isinstance(value, str) else self._not(key, value, expected, default)
        except ValueError:
            return self._not(key, value, expected, default)

    def _not(self, key: str, value: Json, expected: str, default: ValueT) -> ValueT:
        self.wrong(key, f"must be {expected}, not {said_of(value)}")
        return default

    def _scalar(
        self, key: str, default: ValueT, kind: type[Any], expected: str, *, secret: bool = False
    ) -> ValueT:
        value = self._values.get(key, default)
        if isinstance(value, kind):
            return cast(ValueT, value)
        if secret:
            self.wrong(key, f"must be {expected}; put it in quotes")
            return default
        return self._not(key, value, expected, default)

    def _items(self, key: str) -> list[tuple[Place, Json]]:
        value = self._values.get(key, [])
        place = (*self.place, key)
        if isinstance(value, list):
            return [((*place, index), item) for index, item in enumerate(cast(list[Json], value))]
        self._problems.add(place, f"must be a list, not {said_of(value)}")
        return []
