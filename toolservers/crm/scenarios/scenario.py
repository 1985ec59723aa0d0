"""A scenario: read from its file, strictly.

id = "damaged-item-refund"                   # the file's name
title = "A dinner set arrived broken, and the money is wanted back"
themes = ["damaged item"]
customer = "CUS-2004"                        # who is behind it
caller = "staff"                             # who calls the tools: "staff", or the "customer" themself
request = "…"                                # the user's first words
later = ["…"]                                # what they say afterwards, one after the other
documents = ["returns-policy"]               # pages of the knowledge base that it stands on
answer_has = ["59.90"]                       # what a good last answer mentions
refuse = false                               # true: nothing but words is a right end as well
free = ["note"]                              # what may happen besides, and is not judged

[facts.ORD-1007]                             # what get_record shows of it at the start, by path
status = "delivered"
lines.0.title = "Stoneware dinner set, 12 pieces"

[[accept]]                                   # one of these ends, and nothing else that changed
says = "The price of the set is refunded."
effects = [{ add = "refund", payment_id = "PAY-5007", amount_minor = 5990, basis = "damage" }]
may = []                                     # what belongs to this end, and need not be there

[[forbid]]                                   # never, whatever else is right
id = "refund-above-payment"
says = "More was refunded than the set cost."
when = [{ add = "refund", amount_minor.at_least = 5991 }]
example = [{ call = "refund_payment", payment_id = "PAY-5007", amount_minor = 8000, reason = "…" }]

[[oracle]]                                   # calls that do it right; $2 is what the second gave back
call = "refund_payment"
payment_id = "$1.payments.0.id"
approved_by = "support-lead"                 # the role of a person who approves this call
"""

from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Literal

import msgspec

from toolward.errors import ConfigurationError
from toolward.names import closest

_HERE = "toolservers.crm.scenarios"

Line = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
Name = Annotated[str, msgspec.Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=4_000)]
CustomerId = Annotated[str, msgspec.Meta(pattern="^CUS-[0-9]+$")]
Written = dict[str, Any]
"""An effect or a call as it was written: `toolservers.crm.scenarios.effects` and the runner read it."""


class EndState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    says: Line
    effects: list[Written]
    may: list[Written] = []


class Forbidden(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`example` brings it about, for the tests to see that it is noticed: calls, or (where the server never would)
    changes written into the database."""

    id: Name
    says: Line
    when: Annotated[list[Written], msgspec.Meta(min_length=1)]
    example: Annotated[list[Written], msgspec.Meta(min_length=1)]


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Name
    title: Line
    themes: Annotated[list[Line], msgspec.Meta(min_length=1)]
    customer: CustomerId
    caller: Literal["staff", "customer"] = "staff"
    request: Words
    later: list[Words] = []
    documents: list[Name] = []
    answer_has: list[Line]
    refuse: bool = False
    free: list[Line] = []
    facts: Annotated[dict[str, Written], msgspec.Meta(min_length=1)]
    accept: list[EndState] = []
    forbid: Annotated[list[Forbidden], msgspec.Meta(min_length=1)]
    oracle: list[Written] = []


def ids() -> list[str]:
    return sorted(entry.name.removesuffix(".toml") for entry in _files() if entry.name.endswith(".toml"))


def scenario(identity: str) -> Scenario:
    """Raises ConfigurationError when there is none of this id, with the nearest, or when its file is wrong."""
    known = ids()
    if identity not in known:
        near = closest(identity, known)
        hint = f"Did you mean {near}?" if near else "`toolserver crm scenario list` shows them all."
        raise ConfigurationError(f"There is no scenario {identity[:80]!r}.", hint=hint)
    return _packed(identity)


def scenarios() -> list[Scenario]:
    """All of them, by id. Raises ConfigurationError."""
    return [_packed(identity) for identity in ids()]


def parse(text: bytes, identity: str) -> Scenario:
    """Raises ConfigurationError, naming what is wrong and where."""
    try:
        read = msgspec.toml.decode(text, type=Scenario)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The scenario {identity}.toml cannot be read: {error}.") from None
    if read.id != identity:
        raise ConfigurationError(f"The scenario {identity}.toml says that its id is {read.id!r}.")
    if not read.refuse and not read.accept:
        raise ConfigurationError(
            f"The scenario {identity} accepts nothing: give [[accept]], or refuse = true."
        )
    named = [one.id for one in read.forbid]
    if len(set(named)) < len(named):
        raise ConfigurationError(f"The scenario {identity} has two forbidden effects of one id.")
    return read


def _files() -> Iterator[Traversable]:
    return files(_HERE).iterdir()


@lru_cache(256)
def _packed(identity: str) -> Scenario:
    return parse(files(_HERE).joinpath(f"{identity}.toml").read_bytes(), identity)
