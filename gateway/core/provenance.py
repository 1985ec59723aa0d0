"""Where the values of a call came from: labels on all that enters a run, and what they say of an argument.

| label | of |
|---|---|
| `user` | the run's input and the messages that follow |
| `trusted` | results of tools whose rule says `trust: trusted`, what people answered, the agent's instructions |
| `untrusted` | results of all other tools |
| `model` | what the model wrote: the arguments of its calls |

The model writes every argument. A value counts as `user` where it stands word for word (`gateway.core.verbatim`) in
what the user said, else as `trusted` where a trusted source brought it, else as `untrusted` where an untrusted one
has it, else as `model`. A trusted result vouches for nothing that the model had sent to a tool before: a lookup
that repeats what it was asked for, or a file that the model wrote itself, makes no value better than it was. A
person who answers does vouch for what they write.

Booleans, null, empty texts, lists and objects, and texts without a letter or digit say nothing of where they came
from: they are the model's. Of an object all values count, its keys do not.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple, cast

from gateway.core.verbatim import Verbatim, Wanted, wanted
from toolward.types import Json, JsonObject, Label, Origin, Origins

MAX_CHARACTERS = 20_000_000
"""Of all sources together. What is beyond cannot vouch; and then a value that is found nowhere is `untrusted`."""

MAX_VALUES = 200
"""Single values of one argument, and of one call that is recorded; of what is beyond nothing is known."""

BY_THE_MODEL = "what the model wrote itself"
TOO_MUCH = "more text than is looked through"


class Source(NamedTuple):
    """Something that entered a run. `where` is for people: `the run's input`, `the result of crm.get_record
    (call_…)`; it tells nothing of the content."""

    label: Label
    text: str
    where: str
    by_person: bool = False  # who vouches for what they write, though the model wrote it before


class Leaf(NamedTuple):
    """One single value of an argument."""

    path: str
    value: Json


class _Prepared(NamedTuple):
    label: Label
    where: str
    text: Verbatim
    by_person: bool


class Sources:
    """The sources of a run, in the order in which they entered it. Nothing is done with them before the first
    question; each is prepared once, also for the larger index that `and_then` makes."""

    def __init__(self, sources: Iterable[Source] = ()) -> None:
        self._of_user: tuple[_Prepared, ...] = ()
        self._others: tuple[_Prepared, ...] = ()
        self._characters = 0
        self._overflow = False
        self._add(sources)

    def _add(self, sources: Iterable[Source]) -> None:
        of_user, others = list(self._of_user), list(self._others)
        for source in sources:
            self._characters += len(source.text)
            if self._characters > MAX_CHARACTERS:
                self._overflow = True
                continue
            prepared = _Prepared(source.label, source.where, Verbatim(source.text), source.by_person)
            (of_user if source.label == "user" else others).append(prepared)
        self._of_user, self._others = tuple(of_user), tuple(others)

    @property
    def untrusted(self) -> bool:
        """Whether anything untrusted is among them."""
        return self._overflow or any(source.label == "untrusted" for source in self._others)

    def and_then(self, sources: Iterable[Source]) -> "Sources":
        """These, and behind them others."""
        more = Sources()
        more._of_user, more._others = self._of_user, self._others
        more._characters, more._overflow = self._characters, self._overflow
        more._add(sources)
        return more

    def of(self, path: str, value: Json) -> Origin:
        """See the top of this file."""
        if (sought := _sought(value)) is None:
            return Origin(path, "model", BY_THE_MODEL)
        found = self._said_by_user(sought) or self._read(sought)
        if found is not None:
            return Origin(path, found.label, found.where)
        return Origin(path, "untrusted", TOO_MUCH) if self._overflow else Origin(path, "model", BY_THE_MODEL)

    def _said_by_user(self, sought: Wanted) -> _Prepared | None:
        """It counts whenever it was said."""
        return next((source for source in self._of_user if source.text.has(sought)), None)

    def _read(self, sought: Wanted) -> _Prepared | None:
        """The trusted source that brought it, else the first that has it."""
        written, untrusted = False, None
        for source in self._others:
            if source.label == "trusted":
                if (source.by_person or not written) and source.text.has(sought):
                    return source
            elif source.label == "model":
                written = written or source.text.has(sought, in_doubt=True)
            elif untrusted is None and source.text.has(sought, in_doubt=True):
                untrusted = source
        return untrusted


class Recorded:
    """Origins as they were found when somebody was asked about a call (`RunScope.origins`)."""

    def __init__(self, origins: Sequence[Origin]) -> None:
        self._by_path = {one.path: one for one in origins}

    def of(self, path: str, value: Json) -> Origin | None:
        return self._by_path.get(path)


class Edited:
    """Those of arguments that a person changed: what differs from what was asked for is theirs, `trusted`."""

    def __init__(self, before: Origins, asked: JsonObject, by: str) -> None:
        self._before = before
        self._asked = asked
        self._where = f"what {by} put in its place"

    def of(self, path: str, value: Json) -> Origin | None:
        if _same(_at(self._asked, path), value):
            return self._before.of(path, value)
        return Origin(path, "trusted", self._where)


def record(arguments: JsonObject, origins: Origins) -> tuple[Origin, ...]:
    """The origins of the call's single values, as far as they are known, for `RunScope.origins`."""
    every = (leaf for name, value in arguments.items() for leaf in leaves(name, value) or ())
    found = (origins.of(path, value) for path, value in islice(every, MAX_VALUES))
    return tuple(one for one in found if one is not None)


def leaves(name: str, value: Json) -> list[Leaf] | None:
    """The single values of one argument, an empty list or object being one too; None where there are too many."""
    found: list[Leaf] = []
    waiting: list[Leaf] = [Leaf(_below("", name), value)]
    while waiting:
        path, each = waiting.pop()
        if isinstance(each, dict) and each:
            waiting += [Leaf(_below(path, key), inner) for key, inner in cast(JsonObject, each).items()]
        elif isinstance(each, list) and each:
            items = cast(list[Any], each)
            waiting += [Leaf(_below(path, str(at)), item) for at, item in enumerate(items)]
        else:
            found.append(Leaf(path, each))
        if len(found) + len(waiting) > MAX_VALUES:
            return None
    return found


def _below(path: str, key: str) -> str:
    return f"{path}/{key.replace('~', '~0').replace('/', '~1')}"


_NOWHERE: Any = object()


def _at(value: Json, path: str) -> Json:
    """What a JSON Pointer leads to; a value that equals no other where it leads nowhere."""
    for part in path.split("/")[1:]:
        if isinstance(value, list):
            items = cast(list[Any], value)
            value = items[int(part)] if part.isdecimal() and int(part) < len(items) else _NOWHERE
        elif isinstance(value, dict):
            value = cast(JsonObject, value).get(part.replace("~1", "/").replace("~0", "~"), _NOWHERE)
        else:
            return _NOWHERE
    return value


def _same(one: Json, other: Json) -> bool:
    return type(one) is type(other) and one == other


def _sought(value: Json) -> Wanted | None:
    """None for a value that says nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return wanted(value)
