"""A rule bound to one tool: its condition compiled over that tool's arguments, its constraints checked."""

from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

from gateway.core.arguments import ArgumentType, argument_types
from gateway.core.catalog import CatalogTool
from gateway.core.conditions import Condition, Conditions, Failed, values
from gateway.core.constraints import flaws_of_fit
from gateway.core.limits import flaws_of_sums
from gateway.core.rules import Effect, Rule
from toolward.errors import ConfigurationError
from toolward.names import closest
from toolward.types import JsonObject, Principal, RunScope

RANK: dict[Effect, int] = {"deny": 0, "ask": 1, "allow": 2}
"""The order of effects: the first rule that applies decides."""


class Decision(msgspec.Struct, frozen=True):
    """What policy says about one call. `rule` is empty when no rule said anything, and `agent:NAME` when the
    agent does not have the tool; `version` names the policy and the catalog that decided."""

    effect: Effect
    rule: str
    reason: str
    version: str
    approvers: tuple[str, ...] = ()


class Match(Enum):
    """How one rule met one call; the value completes the sentence *the rule …*"""

    YES = "matches"
    OTHER_CALLER = "is for other callers"
    OTHER_ARGUMENTS = "is for other arguments: its `args` do not accept these"
    FALSE = "does not match: its condition is false"
    FAILED = "has a condition that could not be evaluated"
    NO_ORIGIN = "asks where values came from, and that is not known"
    OPEN = "depends on the arguments"


class Case:
    """One question to the policy. Without arguments it is *could any call of this tool…?*"""

    def __init__(
        self,
        principal: Principal,
        tool: CatalogTool,
        arguments: JsonObject | None,
        run: RunScope | None,
        declared: Iterable[str],
    ) -> None:
        self.principal = principal
        self.tool = tool
        self.arguments = arguments
        self.run = run
        self._declared = declared

    @cached_property
    def labels(self) -> tuple[str, ...]:
        return caller_labels(self.principal, self.run)

    @cached_property
    def values(self) -> dict[str, Any]:
        return values(self.principal, self.tool, self.run, self.arguments, self._declared)


def caller_labels(principal: Principal, run: RunScope | None) -> tuple[str, ...]:
    """The principal's labels, and in a run that of its agent."""
    return (*principal.labels, f"agent:{run.agent}") if run else principal.labels


class BoundRule(NamedTuple):
    rule: Rule
    condition: Condition | None
    decision: Decision

    def match(self, case: Case) -> Match:
        rule = self.rule
        if rule.principals is not None and not rule.principals.matches_any(case.labels):
            return Match.OTHER_CALLER
        still_open = False
        if rule.args_schema is not None:
            if case.arguments is None:
                still_open = True
            elif not rule.args_schema.accepts(case.arguments):
                return Match.OTHER_ARGUMENTS
        if self.condition is not None:
            answer = self.condition.evaluate(case.values)
            if answer is False:
                return Match.FALSE
            if answer is not True:
                if case.arguments is not None:
                    return Match.FAILED
                still_open = True
        if rule.origin and (rule.effect == "allow" or not still_open):
            return Match.NO_ORIGIN  # until values carry labels
        return Match.OPEN if still_open else Match.YES

    def applies(self, match: Match) -> bool | None:
        """Whether a rule that met a call so decides it; None = that depends on the arguments. What cannot be
        known never allows, and never keeps an ask or a deny from applying."""
        if match is Match.OPEN:
            return None
        if match in (Match.FAILED, Match.NO_ORIGIN):
            return self.rule.effect != "allow"
        return match is Match.YES

    def failure(self, case: Case) -> str:
        """Why the condition has no answer, for people."""
        answer = self.condition.evaluate(case.values) if self.condition else None
        return answer.why if isinstance(answer, Failed) else ""


class BoundTool:
    """The rules that can concern one tool, the deciding ones first."""

    __slots__ = ("_by_label", "_everyone", "_wild", "arguments", "flaw", "rules")

    def __init__(
        self, rules: Iterable[BoundRule], arguments: Mapping[str, ArgumentType], flaw: Decision | None
    ) -> None:
        """`flaw` is the denial of every call, where a rule does not fit the tool."""
        self.rules = tuple(sorted(rules, key=lambda bound: RANK[bound.rule.effect]))
        self.arguments = arguments
        self.flaw = flaw
        self._everyone: list[int] = []
        self._wild: list[int] = []
        self._by_label: dict[str, list[int]] = {}
        for position, bound in enumerate(self.rules):
            callers = bound.rule.principals
            if callers is None:
                self._everyone.append(position)
            elif callers.is_exact:
                for label in callers.exact:
                    self._by_label.setdefault(label, []).append(position)
            else:
                self._wild.append(position)

    def candidates(self, labels: Iterable[str]) -> Iterable[BoundRule]:
        """The rules that can concern a caller, in the order in which they decide. Only a shortcut: each rule
        looks at the caller again."""
        if not self._wild and not self._by_label:
            return self.rules
        found = [*self._everyone, *self._wild]
        for label in labels:
            found += self._by_label.get(label, ())
        return [self.rules[position] for position in sorted(set(found))]


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
    reason = f"the rule {rule.id} {verb}" + (f": {rule.description}" if rule.description else "")
    return Decision(rule.effect, rule.id, reason, version, rule.approvers)


def _misfit(rule: Rule, tool: CatalogTool, path: tuple[str | int, ...], message: str) -> ConfigurationError:
    said = message if message.endswith("?") else f"{message.rstrip('.')}."
    return ConfigurationError(
        f"{rule.where(path)}: the rule {rule.id} does not fit {tool.name}: {said}", rule=rule.id
    )
