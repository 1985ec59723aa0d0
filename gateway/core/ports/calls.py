"""Calls on record, as people look at them afterwards."""

from typing import Protocol

import msgspec

from gateway.core.ports.records import CallOutcome, CallRecord

UNDER_WAY = "under_way"
"""The outcome of a call that has none on record: it is under way, or how it ended is not known."""


SEARCHED = 20_000
"""Calls whose arguments are looked into for a text: the newest ones."""


class CallFilter(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which calls a list has: those that fit all of it. None, empty and 0 mean any; an empty `rule` is that no rule
    matched. Times are Unix milliseconds, `since` included and `until` not. `text` stands in the arguments as they
    came, byte for byte, of one of the newest SEARCHED calls before `until`; erased ones have no text."""

    tool: str = ""
    principal: str = ""
    effect: str = ""
    rule: str | None = None
    outcome: str = ""  # `ok`, `tool_error`, an error's code, or UNDER_WAY
    run: str = ""
    since: int = 0
    until: int = 0
    text: str = ""


class CallLine(msgspec.Struct, frozen=True):
    """A call as a list has it. `duration_us` is None where it has no outcome yet, and 0 where nothing was sent."""

    id: str
    at: int  # Unix ms
    principal: str
    tool: str
    effect: str
    rule: str
    outcome: str
    changes: bool
    run_id: str = ""
    agent: str = ""
    duration_us: int | None = None
    message: str = ""


class CallPage(msgspec.Struct, frozen=True):
    calls: tuple[CallLine, ...]
    next_cursor: str | None = None


class CallCount(msgspec.Struct, frozen=True):
    """How many calls are the same in all of this."""

    tool: str
    principal: str
    effect: str
    rule: str
    outcome: str
    calls: int


class RuleHits(msgspec.Struct, frozen=True):
    """How often a rule decided about a call, and when last (Unix ms)."""

    calls: int
    last_at: int


class RecordedCall(msgspec.Struct, frozen=True):
    """A call as the ledger has it. Without an outcome it is under way, or how it ended is not known; without
    arguments or a result they were erased (a result may also never have been). Digests are salted."""

    record: CallRecord
    arguments_digest: str
    outcome: CallOutcome | None = None
    result_digest: str = ""
    arguments_json: bytes | None = None
    result_json: bytes | None = None


class CallsPort(Protocol):
    """The ledger as those need it who look at calls. All of one tenant."""

    async def find_calls(self, tenant: str, only: CallFilter, *, size: int, cursor: str | None) -> CallPage:
        """Newest first. Raises InvalidRequest for a cursor that is none of ours."""
        ...

    async def count_calls(self, tenant: str, only: CallFilter) -> tuple[CallCount, ...]:
        """Of the calls in the filter's time, run and text; its other fields do not count here: whoever shows
        counts wants to know what another choice would give."""
        ...

    async def call_record(self, call_id: str) -> RecordedCall:
        """Of any tenant: its record says of which. Raises NotFound."""
        ...

    async def rule_hits(self, tenant: str, since: int, until: int = 0) -> dict[str, RuleHits]:
        """By rule; calls that no rule matched are under the empty name. Times as in a filter."""
        ...
