"""What was used, day by day, as those need it who tell people."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from gateway.core.latencies import Latencies

CallKind = tuple[str, str, str, str, str]
"""Tool, principal, effect, rule, outcome."""

ReplyKind = tuple[str, str, str]
"""Agent, endpoint, model."""

RunKind = tuple[str, str]
"""Agent, state."""


class Replies(NamedTuple):
    """Of models. `cost` is in billionths of a US dollar, of the replies that have a price; `unpriced` counts those
    that have none."""

    replies: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: int = 0
    unpriced: int = 0

    def plus(self, other: "Replies") -> "Replies":
        return Replies(*(one + more for one, more in zip(self, other, strict=True)))


class DayUsed(NamedTuple):
    """One day (since 1970, UTC) of one tenant, or what of it was asked for. `took` is how long calls took that
    something was sent of, by tool, and `waited` how long models took for their replies. Nobody changes one."""

    day: int
    calls: dict[CallKind, int]
    took: dict[str, Latencies]
    replies: dict[ReplyKind, Replies]
    waited: dict[ReplyKind, Latencies]


class HumanWait(NamedTuple):
    """How long an input request waited for its first answer; `agent` is that of its run, empty where a call had
    none."""

    day: int
    agent: str
    waited_ms: int


class Used(NamedTuple):
    """`days` in their order, without those on which nothing was; `runs` by the day on which they were started."""

    days: tuple[DayUsed, ...]
    runs: Mapping[tuple[int, RunKind], int]
    waits: tuple[HumanWait, ...]


class UsagePort(Protocol):
    async def used(self, tenant: str, since: int, until: int) -> Used:
        """From `since` on and before `until`, in Unix ms; 0 is no bound."""
        ...
