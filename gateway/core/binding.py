"""A rule bound to one tool: its condition compiled over that tool's arguments, its constraints checked."""

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, NamedTuple

import msgspec

from gateway.core.arguments import argument_types
from gateway.core.catalog import CatalogTool
from gateway.core.conditions import UNTRUSTED, Condition, Conditions, Failed, Readable, Variables
from gateway.core.constraints import flaws_of_fit
from gateway.core.guards import Guards, both, guards_of_args
from gateway.core.limits import flaws_of_sums
from gateway.core.origins import Meeting, Stray, meet, restrains, unknown
from gateway.core.provenance import Recorded
from gateway.core.rules import Effect, Rule
from gateway.core.selection import Callers, Values, positions
from toolward.errors import ConfigurationError
from toolward.names import closest
from toolward.types import JsonObject, Origins, Principal, RunScope

RANK: dict[Effect, int] = {"deny": 0, "ask": 1, "allow": 2}
"""The order of effects: the first rule that applies decides."""


class Decision(msgspec.Struct, frozen=True):
    """What policy says about one call. `rule` is empty when no rule said anything, `agent:NAME` when the agent
    does not have the tool, `caller:scopes` when no scope of the caller matches it; `version` names the policy and
    the catalog that decided."""

    effect: Effect
    rule: str
    reason: str
    version: str
    approvers: tuple[str, ...] = ()
    strays: str = ""  # the end of `reason` that shows values of the call

    @property
    def lasting_reason(self) -> str:
        """Without values of the call: for what outlives an erasure."""
        return self.reason.removesuffix(self.strays)


class Match(Enum):
    """How one rule met one call; the value completes the sentence *the rule …*"""

    YES = "matches"
    OTHER_CALLER = "is for other callers"
    OTHER_ARGUMENTS = "is for other arguments: its `args` do not accept these"
    FALSE = "does not match: its condition is false"
    FAILED = "has a condition that could not be evaluated"
    OTHER_ORIGIN = "is for values that came from elsewhere"
    NO_ORIGIN = "asks where values came from, and that is not known"
    OPEN = "depends on the arguments"


class Case:
    """One question to the policy. Without arguments it is *could any call of this tool…?*"""

    __slots__ = (
        "_readable",
        "_values",
        "_variables",
        "arguments",
        "labels",
        "origins",
        "principal",
        "run",
        "strays",
        "tool",
    )

    def __init__(
        self,
        principal: Principal,
        tool: CatalogTool,
        arguments: JsonObject | None,
        run: RunScope | None,
        variables: Variables | None,
        origins: Origins | None = None,
    ) -> None:
        """`origins` are those of a call that is being made; without them, what its run has on record counts."""
        self.principal = principal
        self.tool = tool
        self.arguments = arguments
        self.run = run
        self.labels = caller_labels(principal, run)
        if origins is None and run is not None and run.origins is not None:
            origins = Recorded(run.origins)
        self.origins = origins
        self.strays: tuple[Stray, ...] = ()
        """What kept rules from applying: values from elsewhere, in the order of the rules that were looked at."""
        self._variables = variables
        self._values: dict[str, Any] | None = None
        self._readable: Readable | None = None

    @property
    def values(self) -> dict[str, Any]:
        """Of the variables that a rule of the tool reads."""
        if self._values is None:
            known = self._variables
            self._values = (
                {} if known is None else known.of(self.principal, self.tool, self.run, self.arguments)
            )
        return self._values

    @property
    def readable(self) -> Readable:
        """`values` for conditions."""
        if self._readable is None:
            known = self._variables
            self._readable = self.values if known is None else known.ready(self.values)
        return self._readable


def caller_labels(principal: Principal, run: RunScope | None) -> tuple[str, ...]:
    """The principal's labels, and in a run that of its agent."""
    return (*principal.labels, f"agent:{run.agent}") if run else principal.labels


_NOBODY = Principal("")
_MET = {Meeting.YES: Match.YES, Meeting.NO: Match.OTHER_ORIGIN, Meeting.UNKNOWN: Match.NO_ORIGIN}


class BoundRule(NamedTuple):
    rule: Rule
    condition: Condition | None
    decision: Decision

    @property
    def alternatives(self) -> tuple[Guards, ...]:
        """What the call's values must be for the rule to apply: one of these must hold."""
        of_args = guards_of_args(self.rule.args)
        if self.condition is None:
            return (of_args,)
        return tuple(both(of_args, guards) for guards in self.condition.alternatives)

    def match(self, case: Case) -> Match:
        rule = self.rule
        if rule.principals is not None and not rule.principals.matches_any(case.labels):
            return Match.OTHER_CALLER
        return self._meets(case)

    def _meets(self, case: Case) -> Match:
        """`match`, whoever calls."""
        rule = self.rule
        still_open = False
        if rule.args_schema is not None:
            if case.arguments is None:
                still_open = True
            elif not rule.args_schema.accepts(case.arguments):
                return Match.OTHER_ARGUMENTS
        failed = False
        if self.condition is not None and not self.condition.plainly_true(case.values):
            answer = self.condition.evaluate(case.readable)
            if answer is False:
                return Match.FALSE
            if answer is not True:
                failed = case.arguments is not None
                still_open = still_open or not failed
        if rule.origin and (met := self._meets_origin(case)) is not Match.YES:
            return met
        if failed:
            return Match.FAILED
        return Match.OPEN if still_open else Match.YES

    def _meets_origin(self, case: Case) -> Match:
        """A tool is listed whatever this says: who calls it is then told why it may not."""
        arguments = case.arguments
        if arguments is None:
            return Match.OPEN
        if case.origins is None:
            met, stray = Meeting.UNKNOWN, unknown(self.rule, arguments)
        else:
            met, stray = meet(self.rule, arguments, case.origins)
        if stray is not None:
            case.strays += (stray,)
        return _MET[met]

    def applies(self, match: Match) -> bool | None:
        """Whether a rule that met a call so decides it; None = that depends on the arguments. What cannot be
        known never allows, and never keeps an ask or a deny from applying; but an ask for values from users or
        trusted sources is none for values of which nothing is known."""
        if match is Match.OPEN:
            return None
        if match is Match.NO_ORIGIN:
            return restrains(self.rule)
        if match is Match.FAILED:
            return self.rule.effect != "allow"
        return match is Match.YES

    @property
    def asks_for_origins(self) -> bool:
        """Whether it asks what has entered a run: where values came from, or whether anything is untrusted."""
        return bool(self.rule.origin) or (self.condition is not None and UNTRUSTED in self.condition.names)

    @property
    def asks_who_calls(self) -> bool:
        """Whether the rule reads who calls, or in which run."""
        names = () if self.condition is None else self.condition.names
        return bool(self.rule.origin) or any(name.startswith(("principal.", "run.")) for name in names)

    def whoever_calls(self, tool: CatalogTool, variables: Variables | None) -> bool | None:
        """`applies` for every caller and all arguments; None = that depends on them."""
        if self.asks_who_calls:
            return None
        return self.applies(self._meets(Case(_NOBODY, tool, None, None, variables)))

    def failure(self, case: Case) -> str:
        """Why the condition has no answer, for people."""
        answer = self.condition.evaluate(case.readable) if self.condition else None
        return answer.why if isinstance(answer, Failed) else ""


class BoundTool:
    """The rules that can concern one tool, the deciding ones first."""

    __slots__ = (
        "_by_arguments",
        "_callers",
        "_denies",
        "_never",
        "_values",
        "_ways",
        "flaw",
        "rules",
        "variables",
    )

    def __init__(
        self, tool: CatalogTool, rules: Iterable[BoundRule], conditions: Conditions, flaw: Decision | None
    ) -> None:
        """`flaw` is the denial of every call, where a rule does not fit the tool."""
        self.rules = tuple(sorted(rules, key=lambda bound: RANK[bound.rule.effect]))
        self.flaw = flaw
        ways = [(bound, guards) for bound in self.rules for guards in bound.alternatives]
        self._ways = tuple(bound for bound, _ in ways)  # each a bit in what follows
        self._callers = Callers([bound.rule.principals for bound in self._ways])
        self._values = Values([guards for _, guards in ways])
        names = self._values.variables.union(
            *(bound.condition.names for bound in self.rules if bound.condition is not None)
        )
        arguments = argument_types(tool.tool.input_schema)
        self.variables = conditions.variables(names, arguments) if names else None
        applies = {bound.rule.id: bound.whoever_calls(tool, self.variables) for bound in self.rules}
        self._never = _bits(applies[bound.rule.id] is False for bound in self._ways)
        self._denies = _bits(bound.rule.effect == "deny" for bound in self._ways)
        self._by_arguments = _bits(
            applies[bound.rule.id] is None and not bound.asks_who_calls for bound in self._ways
        )

    def candidates(self, case: Case) -> Iterator[BoundRule]:
        """The rules that can concern a call, in the order in which they decide. Only a shortcut: each rule looks
        at the caller and the arguments again."""
        return map(self._ways.__getitem__, positions(self._possible(case)))

    def to_list(self, case: Case) -> Iterator[BoundRule]:
        """The rules by which a tool is listed, denies first. A deny that is up to the arguments hides no tool, and
        an ask or allow that is up to them shows it."""
        possible = self._possible(case)
        yield from map(self._ways.__getitem__, positions(possible & self._denies & ~self._by_arguments))
        possible &= ~self._denies
        yield from map(self._ways.__getitem__, positions(possible & self._by_arguments))
        yield from map(self._ways.__getitem__, positions(possible & ~self._by_arguments))

    def _possible(self, case: Case) -> int:
        possible = self._callers.possible(case.labels) & ~self._never
        if possible and self.variables is not None:
            possible = self._values.possible(case.values, possible)
        return possible


def _bits(flags: Iterable[bool]) -> int:
    return sum(1 << position for position, flag in enumerate(flags) if flag)


def bind_rule(rule: Rule, tool: CatalogTool, conditions: Conditions, version: str) -> BoundRule:
    """Raises ConfigurationError, with file and line, when the rule does not fit the tool."""
    arguments = argument_types(tool.tool.input_schema)
    for flaw in flaws_of_fit(rule.args or {}, tool.tool.input_schema, rule.effect):
        raise _misfit(rule, tool, ("args", *flaw.path), flaw.message)
    for flaw in flaws_of_sums(rule.limits, rule.args or {}, tool.tool.input_schema):
        raise _misfit(rule, tool, flaw.path, flaw.message)
    for name in rule.origin:
        if name not in arguments:
            near = closest(name, arguments)
            raise _misfit(
                rule,
                tool,
                ("origin",),
                f"it has no argument {name!r}" + (f", did you mean {near!r}?" if near else ""),
            )
    if rule.cache and (tool.facts.changes or not tool.facts.idempotent):
        what = "changes things" if tool.facts.changes else "is not idempotent"
        raise _misfit(
            rule,
            tool,
            ("cache",),
            f"as far as its facts say, it {what}, so an earlier result of it is no answer to another call; name"
            " reading tools only, or correct the facts (`changes: false, idempotent: true`)",
        )
    condition = None
    if rule.when:
        try:
            condition = conditions.compile(rule.when, arguments)
        except ConfigurationError as error:
            raise _misfit(rule, tool, ("when",), error.text) from None
    return BoundRule(rule, condition, _decision(rule, version))


def _decision(rule: Rule, version: str) -> Decision:
    """Made once, and given out for every call that the rule decides."""
    verb = {"allow": "allows it", "ask": "asks for approval", "deny": "denies it"}[rule.effect]
    if rule.cache:
        verb += f" (cached: a result answers the same call for {_period(rule.cache)})"
    reason = f"the rule {rule.id} {verb}" + (f": {rule.description}" if rule.description else "")
    return Decision(rule.effect, rule.id, reason, version, rule.approvers)


def _period(seconds: int) -> str:
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _misfit(rule: Rule, tool: CatalogTool, path: tuple[str | int, ...], message: str) -> ConfigurationError:
    said = message if message.endswith("?") else f"{message.rstrip('.')}."
    return ConfigurationError(
        f"{rule.where(path)}: the rule {rule.id} does not fit {tool.name}: {said}", rule=rule.id
    )
