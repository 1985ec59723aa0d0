"""Which of a tool's rules a call can concern at all, found without looking at each: sets of rules as bits.

Rule number n of a tool is bit n. Callers and guarded values each give the set of rules that they leave possible;
what all of them leave is looked at, lowest bit first. A shortcut only: it never leaves out a rule that would apply.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from gateway.core.globs import Globs
from gateway.core.guards import LEAST, MOST, ROLES, Among, Begins, Between, Guard, Guards, is_text


class Callers:
    """Rules by who calls."""

    __slots__ = ("_by_label", "_everyone", "_wild")

    def __init__(self, principals: Sequence[Globs | None]) -> None:
        """One for each rule; None = everyone."""
        self._everyone = 0
        self._by_label: dict[str, int] = {}
        self._wild: list[tuple[Globs, int]] = []
        for position, callers in enumerate(principals):
            if callers is None:
                self._everyone |= 1 << position
            elif callers.is_exact:
                for label in callers.exact:
                    self._by_label[label] = self._by_label.get(label, 0) | 1 << position
            else:
                self._wild.append((callers, 1 << position))

    def possible(self, labels: Iterable[str]) -> int:
        found = self._everyone
        for label in labels:
            found |= self._by_label.get(label, 0)
        for callers, bit in self._wild:
            if callers.matches_any(labels):
                found |= bit
        return found


class _Table(Protocol):
    def possible(self, value: Any) -> int: ...


class Values:
    """Rules by the values that their guards let through."""

    __slots__ = ("_tables", "variables")

    def __init__(self, guards: Sequence[Guards]) -> None:
        """One for each rule."""
        everything = (1 << len(guards)) - 1
        found: dict[tuple[str, type[Guard]], dict[int, list[Any]]] = {}
        for position, of_rule in enumerate(guards):
            for variable, each in of_rule.items():
                for guard in each:
                    found.setdefault((variable, type(guard)), {}).setdefault(position, []).append(guard)
        self._tables: tuple[tuple[str, _Table], ...] = tuple(
            (variable, _table(variable, kind, by_rule, everything))
            for (variable, kind), by_rule in found.items()
        )
        self.variables = frozenset(variable for variable, _ in self._tables)
        """Those whose values `possible` reads."""

    def possible(self, values: Mapping[str, Any], among: int) -> int:
        """Of the rules `among`, those that `values` (by variable) do not rule out."""
        for variable, table in self._tables:
            if not among:
                break
            among &= table.possible(values.get(variable))
        return among


def _table(variable: str, kind: type[Guard], by_rule: Mapping[int, Sequence[Any]], everything: int) -> _Table:
    if kind is Between:
        return _Numbers(by_rule, everything)
    if kind is Begins:
        return _Prefixes(by_rule, everything)
    return _Roles(by_rule, everything) if variable == ROLES else _Words(by_rule, everything)


class _Words:
    __slots__ = ("_by_word", "_everything", "_others")

    def __init__(self, guards: Mapping[int, Sequence[Among]], everything: int) -> None:
        self._everything = everything
        self._by_word: dict[str, int] = {}
        self._others = everything
        for position, each in guards.items():
            self._others ^= 1 << position
            first, *others = (guard.words for guard in each)
            for word in first.intersection(*others):
                self._by_word[word] = self._by_word.get(word, 0) | 1 << position

    def possible(self, value: Any) -> int:
        if type(value) is not str or not is_text(value):
            return self._everything
        return self._others | self._by_word.get(value, 0)


class _Roles:
    """Of several guards on the roles only the first is used: each may hold by another role."""

    __slots__ = ("_words",)

    def __init__(self, guards: Mapping[int, Sequence[Among]], everything: int) -> None:
        self._words = _Words({position: each[:1] for position, each in guards.items()}, everything)

    def possible(self, value: Any) -> int:
        found = self._words.possible("")  # no role is empty
        for role in value:
            found |= self._words.possible(role)
        return found


class _Prefixes:
    """Of several guards on the beginning of one text only the longest is used."""

    __slots__ = ("_by_prefix", "_everything", "_lengths", "_others")

    def __init__(self, guards: Mapping[int, Sequence[Begins]], everything: int) -> None:
        self._everything = everything
        self._by_prefix: dict[str, int] = {}
        self._others = everything
        for position, each in guards.items():
            self._others ^= 1 << position
            prefix = max((guard.prefix for guard in each), key=len)
            self._by_prefix[prefix] = self._by_prefix.get(prefix, 0) | 1 << position
        self._lengths = sorted(set(map(len, self._by_prefix)))

    def possible(self, value: Any) -> int:
        if type(value) is not str or not is_text(value):
            return self._everything
        found = self._others
        for length in self._lengths:
            found |= self._by_prefix.get(value[:length], 0)
        return found


class _Numbers:
    """`_sets[n]` holds for the integers from `_starts[n - 1]` up to the next start."""

    __slots__ = ("_everything", "_sets", "_starts")

    def __init__(self, guards: Mapping[int, Sequence[Between]], everything: int) -> None:
        self._everything = everything
        changes: dict[int, int] = {}
        current = everything
        for position, each in guards.items():
            least, most = max(guard.least for guard in each), min(guard.most for guard in each)
            bit = 1 << position
            current ^= bit
            if least <= most:
                changes[least] = changes.get(least, 0) ^ bit
                changes[most + 1] = changes.get(most + 1, 0) ^ bit
        self._starts = sorted(changes)
        self._sets = [current]
        for start in self._starts:
            current ^= changes[start]
            self._sets.append(current)

    def possible(self, value: Any) -> int:
        if type(value) is not int or not LEAST <= value <= MOST:
            return self._everything
        return self._sets[bisect_right(self._starts, value)]


def positions(rules: int) -> Iterator[int]:
    """The numbers of the bits that are set, lowest first."""
    while rules:
        lowest = rules & -rules
        yield lowest.bit_length() - 1
        rules ^= lowest
