"""The `origin` of a rule, held against where a call's values came from.

An *allow* is for calls of which every single value of every named argument came from where the rule says. So is an
*ask* that names `user` and `trusted` only. A *deny*, and an *ask* that names `untrusted` or `model`, are
restraints: one single value from there is enough, and so is one of which nothing is known. An argument that a call
does not give came from nowhere.
"""

import json
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from gateway.core.provenance import Leaf, leaves
from gateway.core.rules import Rule
from toolward.types import Json, JsonObject, Origin, Origins

_SHOWN = 60  # characters of a value that a message shows
_DOUBTFUL = frozenset({"untrusted", "model"})


class Meeting(Enum):
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Stray(NamedTuple):
    """A value that a rule was about, and where it came from; None = not known."""

    rule: Rule
    argument: str
    value: Json
    origin: Origin | None

    @property
    def told(self) -> str:
        """`payment_id 'PAY-5007' came from the result of search.search (untrusted), and the rule small-refunds
        wants user or trusted`. Of a source it tells nothing but the value itself, which the caller sent."""
        named = f"{self.argument} {_shown(self.value)}"
        verb = "is about" if restrains(self.rule) else "wants"
        wants = f"the rule {self.rule.id} {verb} {' or '.join(self.rule.origin[self.argument])}"
        if self.origin is None:
            return f"where {named} came from is not known, and {wants}"
        return f"{named} came from {self.origin.where} ({self.origin.label}), and {wants}"


def restrains(rule: Rule) -> bool:
    """Whether one value from where it says is enough for it, and one of which nothing is known."""
    if rule.effect == "ask":
        return any(not _DOUBTFUL.isdisjoint(labels) for labels in rule.origin.values())
    return rule.effect == "deny"


def meet(rule: Rule, arguments: JsonObject, origins: Origins) -> tuple[Meeting, Stray | None]:
    """Whether the rule's `origin` is met, and the first value that says why (not)."""
    in_doubt: Stray | None = None
    restraint = restrains(rule)
    for name, leaf in _named(rule, arguments):
        origin = None if leaf is None else origins.of(*leaf)
        stray = Stray(rule, name, arguments[name] if leaf is None else leaf.value, origin)
        if origin is None:
            in_doubt = in_doubt or stray
        elif (origin.label in rule.origin[name]) is restraint:
            return (Meeting.YES if restraint else Meeting.NO), stray
    if in_doubt is not None:
        return Meeting.UNKNOWN, in_doubt
    return (Meeting.NO if restraint else Meeting.YES), None


def unknown(rule: Rule, arguments: JsonObject) -> Stray | None:
    """The first named value of a call of which nothing is known."""
    found = next(_named(rule, arguments), None)
    if found is None:
        return None
    name, leaf = found
    return Stray(rule, name, arguments[name] if leaf is None else leaf.value, None)


def _named(rule: Rule, arguments: JsonObject) -> Iterator[tuple[str, Leaf | None]]:
    """The single values of the arguments that the rule names; None for an argument that has too many."""
    for name in rule.origin:
        if name not in arguments:
            continue
        found = leaves(name, arguments[name])
        if found is None:
            yield name, None
        else:
            for leaf in found:
                yield name, leaf


def _shown(value: Json) -> str:
    """Of one value, short, and nothing in it that a terminal would obey."""
    text = f"'{value}'" if isinstance(value, str) and value.isprintable() else json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
