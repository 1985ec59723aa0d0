"""Calls on record, for who may read the ledger: lists with filters, counts of what there is to choose, one call."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from gateway.core.ports import (
    UNDER_WAY,
    Authorize,
    CallCount,
    CallFilter,
    CallPage,
    CallsPort,
    RecordedCall,
    RuleHits,
)
from toolward.errors import NotFound
from toolward.types import Principal

FACETS = ("tool", "principal", "effect", "rule", "outcome")
"""By what calls are told apart; a filter has a field of each name."""

READ = "ledger.read"


class CallDetail(msgspec.Struct, frozen=True):
    """All there is of one call. `arguments` and `result` are JSON, None where they were erased, or where there is
    no result; `arguments_text` are arguments that are no JSON. `outcome` is UNDER_WAY where there is none."""

    id: str
    at: int  # Unix ms
    principal: str
    roles: tuple[str, ...]
    tool: str
    tool_digest: str
    changes: bool
    effect: str
    rule: str
    version: str  # of policy and catalog
    run_id: str
    agent: str
    trace_id: str
    idempotency_key: str
    outcome: str
    message: str = ""
    ended_at: int | None = None
    duration_us: int | None = None
    arguments: msgspec.Raw | None = None
    arguments_text: str | None = None
    result: msgspec.Raw | None = None


def detail_of(call: RecordedCall) -> CallDetail:
    record, end = call.record, call.outcome
    arguments, text = _json_or_text(call.arguments_json)
    return CallDetail(
        *(record.id, record.at, record.principal, record.roles, record.tool, record.tool_digest),
        *(record.changes, record.effect, record.rule, record.version, record.run_id, record.agent),
        *(record.trace_id, record.idempotency_key, end.code if end else UNDER_WAY),
        message=end.message if end else "",
        ended_at=end.at if end else None,
        duration_us=end.duration_us if end else None,
        arguments=arguments,
        arguments_text=text,
        result=None if call.result_json is None else msgspec.Raw(call.result_json),
    )


def _json_or_text(body: bytes | None) -> tuple[msgspec.Raw | None, str | None]:
    if body is None:
        return None, None
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):  # not UTF-8 is a ValueError
        return None, body.decode(errors="replace")
    return msgspec.Raw(body), None


class Value(NamedTuple):
    """One choice of a facet, and how many calls it would give."""

    value: str
    calls: int
    chosen: bool = False


class Facets(NamedTuple):
    """`calls` are those that fit the whole filter; `of` has every facet's values, the most frequent first, each
    with the calls that fit the filter's other fields."""

    calls: int
    of: Mapping[str, tuple[Value, ...]]


class Calls:
    """Each method raises Denied for who may not read the ledger; a call of another tenant is not found."""

    def __init__(self, ledger: CallsPort, authorize: Authorize) -> None:
        self._ledger, self._authorize = ledger, authorize

    async def find(
        self, principal: Principal, only: CallFilter, *, size: int = 50, cursor: str | None = None
    ) -> CallPage:
        """Newest first. Raises InvalidRequest for a cursor that is none of ours."""
        self._permit(principal)
        return await self._ledger.find_calls(principal.tenant, only, size=size, cursor=cursor)

    async def facets(self, principal: Principal, only: CallFilter) -> Facets:
        self._permit(principal)
        return facets_of(await self._ledger.count_calls(principal.tenant, only), only)

    async def get(self, principal: Principal, call_id: str) -> RecordedCall:
        """Raises NotFound."""
        self._permit(principal)
        found = await self._ledger.call_record(call_id)
        if found.record.tenant != principal.tenant:
            raise NotFound(f"There is no call {call_id[:128]!r} in the ledger.")
        return found

    async def rule_hits(self, principal: Principal, since: int, until: int = 0) -> dict[str, RuleHits]:
        """How often each rule decided about a call from `since` on (Unix ms; `until` is not included, 0 = now).
        Rules that never did are not in it; calls that no rule matched are under the empty name."""
        self._permit(principal)
        return await self._ledger.rule_hits(principal.tenant, since, until)

    def _permit(self, principal: Principal) -> None:
        if denied := self._authorize(principal, READ, {}):
            raise denied


def facets_of(counts: Iterable[CallCount], only: CallFilter) -> Facets:
    fields = {name: getattr(only, name) or None for name in FACETS} | {"rule": only.rule}
    chosen: dict[str, str] = {name: value for name, value in fields.items() if value is not None}
    found: dict[str, dict[str, int]] = {name: {} for name in FACETS}
    calls = 0
    for cell in counts:
        missed = [name for name, value in chosen.items() if getattr(cell, name) != value]
        if not missed:
            calls += cell.calls
        for name in FACETS if not missed else missed if len(missed) == 1 else ():
            value: str = getattr(cell, name)
            found[name][value] = found[name].get(value, 0) + cell.calls
    return Facets(calls, {name: _sorted(name, values, chosen) for name, values in found.items()})


def _sorted(name: str, values: dict[str, int], chosen: Mapping[str, str]) -> tuple[Value, ...]:
    """With what was chosen, also where no call has it."""
    if name in chosen:
        values.setdefault(chosen[name], 0)
    by_calls = sorted(values.items(), key=lambda one: (-one[1], one[0]))
    return tuple(Value(value, calls, chosen.get(name) == value) for value, calls in by_calls)
