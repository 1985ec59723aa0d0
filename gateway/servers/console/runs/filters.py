"""Which runs a list has, as its address says it."""

from collections.abc import Mapping
from urllib.parse import urlencode

from gateway.servers.console.when import moment
from toolward.errors import InvalidRequest
from toolward.types import RunFilter, RunState

NAMES = ("agent", "owner", "state", "tool", "since", "until", "tokens")
"""The filters, in the order in which they stand in an address."""


def asked(query: Mapping[str, str]) -> dict[str, str]:
    """The filters that somebody set, as they wrote them."""
    return {name: value for name in NAMES if (value := query.get(name, "").strip())}


def wanted(set_by: Mapping[str, str], now: int) -> RunFilter:
    """`now` is in Unix milliseconds. Raises InvalidRequest, naming the filter."""
    return RunFilter(
        agent=set_by.get("agent", ""),
        owner=set_by.get("owner", ""),
        state=_state(set_by.get("state", "")),
        tool=set_by.get("tool", ""),
        since=moment(set_by.get("since", ""), "since", now),
        until=moment(set_by.get("until", ""), "until", now),
        min_tokens=_whole(set_by.get("tokens", ""), "tokens"),
    )


def address(set_by: Mapping[str, str], path: str = "/runs", **more: str) -> str:
    """Of the list with these filters, and what of `more` is not empty."""
    query = urlencode({**set_by, **{name: value for name, value in more.items() if value}})
    return f"{path}?{query}" if query else path


def _state(text: str) -> RunState | None:
    if not text:
        return None
    try:
        return RunState(text)
    except ValueError:
        raise InvalidRequest(
            f"state is {text[:40]!r}, which no run can be.", hint=f"There are {', '.join(RunState)}."
        ) from None


def _whole(text: str, name: str) -> int:
    if not text:
        return 0
    digits = text.replace(",", "").replace(" ", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
        raise InvalidRequest(f"{name} is {text[:40]!r}, which is no count.", hint="Write a whole number.")
    return int(digits)
