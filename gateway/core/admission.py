"""What is known of a call before anything is done: its tool, its arguments, and what policy says of it."""

import re
from itertools import islice
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from gateway.core.binding import Decision
from gateway.core.catalog import CatalogTool
from gateway.core.entries import MAX_HOPS
from gateway.core.ports import CallRecord, Clock, Ids, Joining
from gateway.core.provenance import record
from gateway.core.repeats import guarded
from gateway.core.result_cache import Question, question
from gateway.core.rules import Rule
from gateway.core.snapshot import Snapshot
from toolward.errors import DeadlineExceeded, Denied, InvalidRequest, Unavailable, UnknownTool
from toolward.names import closest
from toolward.schema import MAX_BYTES, check_arguments, parse_object
from toolward.types import CallContext, JsonObject, Principal, RunScope, ToolCall

_TRACEPARENT = re.compile("[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")  # W3C Trace Context
_SUGGESTED_FROM = 500  # comparing names is slow, so a suggestion looks at no more


class Bounds(msgspec.Struct, frozen=True):
    """Bounds on every call; times in seconds, sizes in bytes."""

    argument_bytes: int = MAX_BYTES
    result_bytes: int = MAX_BYTES
    timeout: float = 60.0  # where the caller names none, and the most that it gets
    approval_lifetime: float = 24 * 3600.0
    question_lifetime: float = 7 * 24 * 3600.0  # of questions and escalations, until somebody takes them over
    denial_lifetime: float = 3600.0  # how long the same call is not asked about again
    open_requests: int = 50  # input requests of one principal
    hops: int = MAX_HOPS  # gateways that a call may have passed
    page: int = 500  # tools


class Admitted(NamedTuple):
    """A call that was found, read, validated and decided: all that the steps after that need to know of it."""

    principal: Principal
    call: ToolCall
    context: CallContext
    tool: CatalogTool
    arguments: JsonObject
    decision: Decision
    record: CallRecord
    rule: Rule | None = None  # that decided; its limits and output rules hold
    joining: Joining | None = None  # has the intent stored with a run's part of it
    cached: Question | None = None  # what a result that is kept must answer, where the rule lets one


class Admission:
    """find -> bound -> validate -> decide."""

    def __init__(self, clock: Clock, ids: Ids, bounds: Bounds) -> None:
        self._clock = clock
        self._ids = ids
        self._bounds = bounds

    def admit(
        self,
        snapshot: Snapshot,
        principal: Principal,
        call: ToolCall,
        context: CallContext,
        joining: Joining | None = None,
    ) -> Admitted:
        """Raises UnknownTool, Unavailable, TooLarge, InvalidRequest, InvalidArguments, DeadlineExceeded, and
        Denied for a tool that a rule does not fit; every other denial is in the decision."""
        check_circumstances(context, self._bounds, call.name)
        tool = _find(snapshot, principal, call.name, context.run)
        arguments = parse_object(
            call.arguments_json, f"arguments of {tool.name}", max_bytes=self._bounds.argument_bytes
        )
        check_arguments(tool.input_schema, arguments, tool.name)
        decision = guarded(
            snapshot.policy.decide(principal, tool, arguments, context.run, context.origins),
            tool,
            context.run,
        )
        if decision.effect == "ask":
            context = _with_origins(context, arguments)
        intent = CallRecord(
            id=(call.call_id if context.run else "") or self._ids.new("call"),
            at=self._clock.now_ms(),
            principal=principal.id,
            tenant=principal.tenant,
            tool=tool.name,
            effect=decision.effect,
            rule=decision.rule,
            version=decision.version,
            changes=tool.facts.changes,
            roles=principal.roles,
            tool_digest=tool.digest,
            run_id=context.run.run_id if context.run else "",
            agent=context.run.agent if context.run else "",
            idempotency_key=call.idempotency_key,
            trace_id=trace_id(context.traceparent),
        )
        rule = snapshot.policy.rule(decision)
        cached = None
        # What a person approved, at a gateway before this one, is neither answered from what is kept nor kept.
        if rule is not None and rule.cache and decision.effect == "allow" and not context.approved_by:
            cached = _question(snapshot, principal, tool, arguments)
        return Admitted(principal, call, context, tool, arguments, decision, intent, rule, joining, cached)


def check_circumstances(context: CallContext, bounds: Bounds, what: str) -> None:
    """Raises InvalidRequest for what goes round in circles, DeadlineExceeded where no time is left for `what`."""
    if context.hops > bounds.hops:
        raise InvalidRequest(
            f"The call has passed {context.hops} gateways; at most {bounds.hops} are taken.",
            hint="Look for gateways that are each other's backends.",
        )
    if context.timeout is not None and context.timeout <= 0:
        raise DeadlineExceeded(f"There was no time left for {what[:128]}; nothing was done.")


def _question(
    snapshot: Snapshot, principal: Principal, tool: CatalogTool, arguments: JsonObject
) -> Question | None:
    listing = snapshot.catalog.backends[tool.backend].listing
    return listing and question(principal, listing, tool.name, tool.digest, arguments)


def _with_origins(context: CallContext, arguments: JsonObject) -> CallContext:
    """What people are asked about is decided once more when they answer, and then the run is not at hand."""
    if context.run is None or context.origins is None:
        return context
    return replace(context, run=replace(context.run, origins=record(arguments, context.origins)))


def trace_id(traceparent: str) -> str:
    """Empty for what is no traceparent: callers may send anything."""
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    return found[1] if found else ""


def _find(snapshot: Snapshot, principal: Principal, name: str, run: RunScope | None) -> CatalogTool:
    """The tool of this qualified name or alias. One that the caller may not see is not there."""
    catalog, policy = snapshot.catalog, snapshot.policy
    tool = catalog.find(name)
    if tool is not None and snapshot.listable(principal, tool, run):
        return tool
    if tool is not None and (flaw := policy.flaw(tool)) and policy.may_know(principal, tool.name, run):
        raise Denied(f"Policy denies {tool.name}: {flaw.reason}", hint="Correct the rule.", rule=flaw.rule)
    held = catalog.find_withheld(name)
    if held is not None and policy.may_know(principal, held.tool.name, run):
        raise Denied(
            f"{held.tool.name} is withheld: {held.reason}.",
            hint=f"The operator reviews it: toolward tool review {held.tool.name}",
        )
    backend = catalog.backend_of(name)
    if backend is not None and backend.problem:
        asked = name if "." in name else name.replace("__", ".", 1)
        if policy.may_know(principal, asked, run):
            raise Unavailable(
                f"The backend {backend.complaint}.",
                hint=f"Start it, or correct its entry in the configuration ({backend.address}).",
            )
    raise _unknown(snapshot, principal, name, run)


def _unknown(snapshot: Snapshot, principal: Principal, name: str, run: RunScope | None) -> UnknownTool:
    known = [
        tool.name if "." in name else tool.alias
        for tool in islice(snapshot.visible(principal, run), _SUGGESTED_FROM)
    ]
    near = closest(name, known)
    return UnknownTool(
        f"There is no tool named {name[:128]!r}.",
        hint=f"Did you mean {near}?" if near else "List the tools to see which there are.",
    )
