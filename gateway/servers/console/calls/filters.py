"""Which calls a list has, as its address says it; and the addresses of lists near it."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from gateway.core.ports import CallFilter
from gateway.oversight.calls import FACETS, Facets
from gateway.servers.console.when import moment

NAMES = (*FACETS, "run", "text", "since", "until")
"""The filters, in the order in which they stand in an address."""

SPANS = (
    ("Today", {"since": "today"}),
    ("Yesterday", {"since": "yesterday", "until": "today"}),
    ("7 days", {"since": "7d"}),
    ("30 days", {"since": "30d"}),
    ("All", {"since": "all"}),
)
USUAL = {"since": "7d"}
"""The time of a list whose address names none and no run."""

TEXT = 200
"""Characters of a text that is looked for."""

SHOWN_VALUES = 12
"""Of a facet; the rarer ones unfold."""

Asked = Mapping[str, str]


def asked(query: Mapping[str, str]) -> dict[str, str]:
    """The filters that somebody set, as they wrote them. An empty `rule` is one: that none matched."""
    found = {name: query.get(name, "").strip() for name in NAMES}
    return {name: value for name, value in found.items() if value or (name == "rule" and name in query)}


def wanted(set_by: Asked, now: int) -> CallFilter:
    """`now` is in Unix ms. Raises InvalidRequest, naming the filter."""
    times = set_by if {"since", "until", "run"} & set_by.keys() else USUAL
    since = times.get("since", "")
    return CallFilter(
        tool=set_by.get("tool", ""),
        principal=set_by.get("principal", ""),
        effect=set_by.get("effect", ""),
        rule=set_by.get("rule"),
        outcome=set_by.get("outcome", ""),
        run=set_by.get("run", ""),
        text=set_by.get("text", "")[:TEXT],
        since=0 if since == "all" else moment(since, "since", now),
        until=moment(times.get("until", ""), "until", now),
    )


def address(set_by: Asked, path: str = "/calls", **more: str) -> str:
    """Of the list with these filters, and what of `more` is not empty."""
    query = urlencode({**set_by, **{name: value for name, value in more.items() if value}})
    return f"{path}?{query}" if query else path


class Span(NamedTuple):
    word: str
    where: str
    here: bool


def spans(set_by: Asked) -> list[Span]:
    """Other times of the same list."""
    others = {name: value for name, value in set_by.items() if name not in ("since", "until")}
    now = {name: set_by[name] for name in ("since", "until") if name in set_by}
    now = now or ({"since": "all"} if "run" in set_by else USUAL)
    return [Span(word, address({**others, **times}), times == now) for word, times in SPANS]


class Choice(NamedTuple):
    """A value of a facet. `where` chooses it, or gives it up where it is chosen."""

    value: str
    calls: int
    where: str
    chosen: bool


def choices(set_by: Asked, facets: Facets) -> dict[str, list[Choice]]:
    def choice(name: str, value: str, calls: int, *, chosen: bool) -> Choice:
        kept = {key: one for key, one in set_by.items() if key != name}
        return Choice(value, calls, address(kept if chosen else {**kept, name: value}), chosen)

    return {
        name: [choice(name, one.value, one.calls, chosen=one.chosen) for one in values]
        for name, values in facets.of.items()
    }


def without(set_by: Asked) -> dict[str, str]:
    """The list without each filter but the time, which has links of its own."""
    return {
        name: address({key: one for key, one in set_by.items() if key != name})
        for name in set_by
        if name not in ("since", "until")
    }
