"""Dispatch: the one road from any caller to any tool.

find -> bound -> validate -> decide -> (ask) -> record the intent -> backend -> check the result -> record the
outcome. `list_tools` asks the same policy that `call_tool` asks.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import NamedTuple

import msgspec

from gateway.core.binding import Decision
from gateway.core.catalog import Catalog, CatalogTool, build_catalog
from gateway.core.digests import arguments_digest
from gateway.core.policy import BoundPolicy, Policy, bind
from gateway.core.ports import BackendPort, Called, CallOutcome, CallRecord, Clock, Ids, LedgerPort
from gateway.core.requests import approval_request
from gateway.core.results import checked
from toolward.errors import (
    Conflict,
    DeadlineExceeded,
    Denied,
    Internal,
    InvalidRequest,
    ToolwardError,
    Unavailable,
    UnknownTool,
)
from toolward.names import closest
from toolward.schema import MAX_BYTES, check_arguments, parse_object
from toolward.types import (
    CallContext,
    InputRequest,
    InputRequired,
    JsonObject,
    Outcome,
    Principal,
    RequestState,
    RunScope,
    ToolCall,
    ToolPage,
    ToolResult,
)

__all__ = ["Dispatch", "Limits", "arguments_digest"]

log = logging.getLogger(__name__)

_SUGGESTED_FROM = 500  # comparing names is slow, so a suggestion looks at no more


class Limits(msgspec.Struct, frozen=True):
    """Bounds on every call; times in seconds, sizes in bytes."""

    argument_bytes: int = MAX_BYTES
    result_bytes: int = MAX_BYTES
    timeout: float = 60.0  # where the caller names none, and the most that it gets
    approval_lifetime: float = 24 * 3600.0
    hops: int = 8  # gateways that a call may have passed
    page: int = 500  # tools


class _Snapshot(NamedTuple):
    catalog: Catalog
    policy: BoundPolicy


class _Admitted(NamedTuple):
    """A call that was found, read, validated and decided."""

    tool: CatalogTool
    arguments: JsonObject
    decision: Decision
    record: CallRecord


class Dispatch:
    """A ToolProvider over all backends. Before the first `replace` it has no tools."""

    def __init__(
        self,
        backends: BackendPort,
        ledger: LedgerPort,
        clock: Clock,
        ids: Ids,
        limits: Limits | None = None,
    ) -> None:
        self._backends = backends
        self._ledger = ledger
        self._clock = clock
        self._ids = ids
        self._limits = limits or Limits()
        nothing = build_catalog(())
        self._now = _Snapshot(nothing, bind(Policy(), nothing))
        self._generation = 0
        self._changed = asyncio.Event()

    @property
    def catalog(self) -> Catalog:
        return self._now.catalog

    @property
    def policy(self) -> BoundPolicy:
        return self._now.policy

    def replace(self, catalog: Catalog, policy: BoundPolicy) -> None:
        """Put another catalog and the policy bound to it in force. A call under way keeps what it began with."""
        self._now = _Snapshot(catalog, policy)
        self._generation += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def watch(self) -> AsyncIterator[None]:
        """Yields after each replacement since this was called; several at once may be one."""
        return self._watch(self._generation)

    async def _watch(self, seen: int) -> AsyncIterator[None]:
        while True:
            while seen == self._generation:
                await self._changed.wait()
            seen = self._generation
            yield

    # --- listing -----------------------------------------------------------------------------------------

    def visible(self, principal: Principal, run: RunScope | None = None) -> Iterator[CatalogTool]:
        """Every tool of which some call could be allowed or asked for, in the catalog's order."""
        catalog, policy = self._now
        return (tool for tool in catalog.tools if policy.listable(principal, tool, run))

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        """One page. The cursor is the name of the last tool of the page before. Raises InvalidRequest."""
        catalog, policy = self._now
        start = 0 if cursor is None else self._after(principal, cursor)
        rest = islice(catalog.tools, start, None)
        shown = (tool for tool in rest if policy.listable(principal, tool))
        page = list(islice(shown, self._limits.page))
        more = next(shown, None) is not None
        return ToolPage(tuple(entry.tool for entry in page), page[-1].name if more else None)

    def _after(self, principal: Principal, cursor: str) -> int:
        catalog, policy = self._now
        position = catalog.position(cursor)
        # A name that this caller cannot see is no cursor either, or cursors would tell what exists.
        if position is None or not policy.listable(principal, catalog.tools[position]):
            raise InvalidRequest(
                "The cursor is not one of this list, or the list has changed since.",
                hint="List again from the start.",
            )
        return position + 1

    # --- calling -----------------------------------------------------------------------------------------

    def decide_call(self, principal: Principal, call: ToolCall, context: CallContext) -> Decision:
        """What policy says about a call, without making it. Raises what `call_tool` raises before deciding."""
        return self._admit(principal, call, context).decision

    async def call_tool(self, principal: Principal, call: ToolCall, context: CallContext) -> Outcome:
        """`call`, without what was decided."""
        return (await self.call(principal, call, context)).outcome

    async def call(self, principal: Principal, call: ToolCall, context: CallContext) -> Called:
        """Make one call if policy lets it through.

        Of `call.call_id` only a run's is kept, since a run makes unique ones. Raises UnknownTool, Unavailable,
        TooLarge, InvalidRequest, InvalidArguments, Denied, DeadlineExceeded, InvalidResult, and what the
        backend answers.
        """
        admitted = self._admit(principal, call, context)
        effect, rule = admitted.decision.effect, admitted.decision.rule
        if effect == "deny":
            raise self._denied(admitted, call)
        if effect == "allow":
            await self._intend(admitted, call)
        elif (request := await self._approval(principal, admitted, call, context)) is not None:
            return Called(effect, rule, InputRequired((request,)))
        return Called(effect, rule, await self._perform(principal, admitted, call, context))

    def _admit(self, principal: Principal, call: ToolCall, context: CallContext) -> _Admitted:
        self._check_circumstances(call, context)
        policy = self._now.policy
        tool = self._find(principal, call.name, context.run)
        arguments = parse_object(
            call.arguments_json, f"arguments of {tool.name}", max_bytes=self._limits.argument_bytes
        )
        check_arguments(tool.input_schema, arguments, tool.name)
        decision = policy.decide(principal, tool, arguments, context.run)
        record = CallRecord(
            id=(call.call_id if context.run else "") or self._ids.new("call"),
            at=self._clock.now_ms(),
            principal=principal.id,
            tenant=principal.tenant,
            tool=tool.name,
            arguments_digest=arguments_digest(arguments),
            effect=decision.effect,
            rule=decision.rule,
            version=decision.version,
            changes=tool.facts.changes,
            run_id=context.run.run_id if context.run else "",
            idempotency_key=call.idempotency_key,
        )
        return _Admitted(tool, arguments, decision, record)

    def _check_circumstances(self, call: ToolCall, context: CallContext) -> None:
        if context.hops > self._limits.hops:
            raise InvalidRequest(
                f"The call has passed {context.hops} gateways; at most {self._limits.hops} are taken.",
                hint="Look for gateways that are each other's backends.",
            )
        if context.timeout is not None and context.timeout <= 0:
            raise DeadlineExceeded(f"There was no time left to call {call.name[:128]}; it was not called.")

    def _find(self, principal: Principal, name: str, run: RunScope | None) -> CatalogTool:
        """The tool of this qualified name or alias. One that the caller may not see is not there."""
        catalog, policy = self._now
        tool = catalog.find(name)
        if tool is not None and policy.listable(principal, tool, run):
            return tool
        if tool is not None and (flaw := policy.flaw(tool)) and policy.may_know(principal, tool.name, run):
            raise Denied(
                f"Policy denies {tool.name}: {flaw.reason}", hint="Correct the rule.", rule=flaw.rule
            )
        backend = catalog.backend_of(name)
        if backend is not None and backend.problem:
            asked = name if "." in name else name.replace("__", ".", 1)
            if policy.may_know(principal, asked, run):
                raise Unavailable(
                    f"The backend {backend.complaint}.",
                    hint=f"Start it, or correct its entry in the configuration ({backend.address}).",
                )
        raise self._unknown(principal, name, run)

    def _unknown(self, principal: Principal, name: str, run: RunScope | None) -> UnknownTool:
        known = [
            tool.name if "." in name else tool.alias
            for tool in islice(self.visible(principal, run), _SUGGESTED_FROM)
        ]
        near = closest(name, known)
        return UnknownTool(
            f"There is no tool named {name[:128]!r}.",
            hint=f"Did you mean {near}?" if near else "List the tools to see which there are.",
        )

    def _denied(self, admitted: _Admitted, call: ToolCall) -> Denied:
        decision = admitted.decision
        error = Denied(
            f"Policy denies this call of {admitted.tool.name}: {decision.reason.rstrip('.')}.",
            rule=decision.rule,
        )
        outcome = CallOutcome(admitted.record.id, self._clock.now_ms(), error.code, 0, error.message)
        self._ledger.refuse(admitted.record, call.arguments_json, outcome)
        return error

    async def _approval(
        self, principal: Principal, admitted: _Admitted, call: ToolCall, context: CallContext
    ) -> InputRequest | None:
        """None when a person approved this very call and the approval is now used up for it; otherwise the
        request that must be answered first."""
        spec = approval_request(
            self._ids.new("req"),
            principal,
            admitted.tool,
            admitted.arguments,
            admitted.decision,
            context.run,
            now=self._clock.now_ms(),
            lifetime=self._limits.approval_lifetime,
        )
        found = await self._ledger.find_request(spec)
        if found is not None and found.state is RequestState.APPROVED:
            try:
                await self._intend(admitted, call, approval=found.id)
            except Conflict:  # another call took it in this moment
                found = None
            else:
                return None
        return found or await self._ledger.open_request(spec)

    async def _intend(self, admitted: _Admitted, call: ToolCall, *, approval: str = "") -> None:
        try:
            await self._ledger.intend(admitted.record, call.arguments_json, approval=approval)
        except asyncio.CancelledError:
            # The intent may be on record already: without an outcome it would look like a call under way.
            self._settle(admitted, self._clock.monotonic(), "cancelled", "cancelled before it was sent")
            raise

    async def _perform(
        self, principal: Principal, admitted: _Admitted, call: ToolCall, context: CallContext
    ) -> ToolResult:
        started = self._clock.monotonic()
        try:
            answer = await self._round_trip(principal, admitted, call, context)
            result = checked(admitted.tool, answer, self._limits.result_bytes)
        except asyncio.CancelledError:
            self._settle(admitted, started, "cancelled", "the caller gave up")
            raise
        except ToolwardError as error:
            self._settle(admitted, started, error.code, error.message)
            raise
        except Exception:  # a bug of ours: its details go to our log, never to the caller
            log.exception("the call of %s failed", admitted.tool.name)
            error = Internal(f"The call of {admitted.tool.name} failed inside.", hint="The log says why.")
            self._settle(admitted, started, error.code, error.message)
            raise error from None
        self._settle(admitted, started, "tool_error" if result.is_error else "ok", "")
        return result

    async def _round_trip(
        self, principal: Principal, admitted: _Admitted, call: ToolCall, context: CallContext
    ) -> ToolResult:
        tool = admitted.tool
        seconds = min(self._limits.timeout, context.timeout or self._limits.timeout)
        sent = ToolCall(
            tool.own_name, call.arguments_json, admitted.record.id, _scoped(principal, call.idempotency_key)
        )
        onward = msgspec.structs.replace(
            context, timeout=seconds, hops=context.hops + 1, on_behalf_of="", run=None
        )
        deadline = asyncio.timeout(seconds)
        try:
            async with deadline:
                return await self._backends.call(tool.backend, principal, sent, onward)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise DeadlineExceeded(
                f"{tool.name} took longer than {seconds:g} seconds and was stopped.",
                hint="Ask for less at once, or give it more time.",
            ) from None

    def _settle(self, admitted: _Admitted, started: float, code: str, message: str) -> None:
        took = round((self._clock.monotonic() - started) * 1_000_000)
        self._ledger.settle(CallOutcome(admitted.record.id, self._clock.now_ms(), code, took, message))


def _scoped(principal: Principal, key: str) -> str:
    """A backend knows only the gateway, so one caller's idempotency key must not be another's: with it they
    would be given each other's results."""
    if not key:
        return ""
    return hashlib.sha256("\0".join((principal.tenant, principal.id, key)).encode()).hexdigest()[:32]
