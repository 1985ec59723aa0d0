"""Decisions: what a caller may do, with a tool and otherwise. The one source for listing, calling and explaining.

deny > ask > allow, and what no rule speaks of is denied. What no scope of the caller matches is denied whatever the
rules say. Nothing is parsed or compiled per call.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from gateway.core.absent import warnings_of
from gateway.core.agent_tools import AGENTS, NEEDS, agent_called
from gateway.core.binding import (
    BoundRule,
    BoundTool,
    Case,
    Decision,
    Match,
    bind_rule,
    caller_labels,
)
from gateway.core.built_in import OURS
from gateway.core.catalog import Catalog, CatalogTool
from gateway.core.conditions import Conditions
from gateway.core.digests import SHORT
from gateway.core.globs import globs
from gateway.core.operation_policy import Explained, OperationPolicy
from gateway.core.people import PEOPLE
from gateway.core.rules import Effect, Policy, PolicySource, Rule
from gateway.core.rules_reader import parse_policy
from gateway.core.scopes import RULE as SCOPES
from gateway.core.scopes import outside, within
from gateway.core.steps import Steps, at_once
from toolward.errors import ConfigurationError
from toolward.types import JsonObject, Origins, Principal, RunScope

__all__ = [
    "BoundPolicy",
    "Decision",
    "Effect",
    "Explained",
    "Policy",
    "PolicySource",
    "Rule",
    "bind",
    "bind_steps",
    "parse_policy",
]


class _Fit(NamedTuple):
    """One tool with the rules bound to it; kept while the tool stays the same, whatever else changes."""

    tool: CatalogTool
    bound: BoundTool
    problems: tuple[str, ...]


class BoundPolicy:
    """A policy bound to a catalog. `problems` are rules that do not fit a tool (every call of that tool is
    denied); `warnings` are rules over tools that are not there (they allow nothing until they appear)."""

    def __init__(
        self,
        policy: Policy,
        version: str,
        tools: Mapping[str, BoundTool],
        problems: tuple[str, ...] = (),
        warnings: tuple[str, ...] = (),
        fits: Mapping[str, _Fit] | None = None,
    ) -> None:
        """`fits` are what `bind` may use again, also of tools that are not there now."""
        self.policy = policy
        self.version = version
        self.problems = problems
        self.warnings = warnings
        self.fits = fits or {}
        self._tools = tools
        self._rules = {rule.id: rule for rule in policy.rules}
        self._operations = OperationPolicy(policy.rules, version)
        self._nothing = Decision("deny", "", "no rule allows it", version)

    def decide(
        self,
        principal: Principal,
        tool: CatalogTool,
        arguments: JsonObject,
        run: RunScope | None = None,
        origins: Origins | None = None,
    ) -> Decision:
        """What may be done with one call whose arguments have been validated. `origins` says where its values came
        from; without it, what the run has on record does. Never raises."""
        if (refusal := self._refusal(principal, tool, run)) is not None:
            return refusal
        bound = self._tools[tool.name]
        case = Case(principal, tool, arguments, run, bound.variables, origins)
        for rule in bound.candidates(case):
            if rule.applies(rule.match(case)):
                decision = self._of_now(rule.decision)
                return _told(decision, case) if case.strays and decision.effect != "allow" else decision
        return _told(self._nothing, case) if case.strays else self._nothing

    def decide_operation(self, principal: Principal, operation: str, resource: Mapping[str, str]) -> Decision:
        """What policy says of something that is not a tool call (`gateway.core.operations`). Never raises."""
        return self._operations.decide(principal, operation, resource)

    def rule(self, decision: Decision) -> Rule | None:
        """The rule that made a decision; None where no rule of a file did."""
        return self._rules.get(decision.rule)

    def listable(self, principal: Principal, tool: CatalogTool, run: RunScope | None = None) -> bool:
        """Whether some call of the tool could be allowed or asked for."""
        if self._refusal(principal, tool, run) is not None:
            return False
        if tool.backend == AGENTS and not self._may_do(principal, tool):
            return False
        bound = self._tools[tool.name]
        case = Case(principal, tool, None, run, bound.variables)
        for rule in bound.to_list(case):
            applies = rule.applies(rule.match(case))
            if rule.rule.effect == "deny":
                if applies:
                    return False
            elif applies is not False:  # every deny was before it
                return True
        return False

    def may_know(self, principal: Principal, name: str, run: RunScope | None = None) -> bool:
        """Whether a rule would let the caller use a tool of this qualified name, were it there and sound. Only
        for saying plainly that it is not."""
        if name.startswith(f"{PEOPLE}." if run is None else f"{AGENTS}."):
            return False
        if run is not None and not globs(run.tools).matches(name):
            return False
        if not within(principal, name):
            return False
        labels = caller_labels(principal, run)
        return any(
            rule.effect != "deny"
            and rule.tools.matches(name)
            and (rule.principals is None or rule.principals.matches_any(labels))
            for rule in self.policy.rules
        )

    def asks_for_origins(self, tool: CatalogTool) -> bool:
        """Whether a rule of this tool asks what has entered a run."""
        bound = self._tools.get(tool.name)
        return bound is not None and any(rule.asks_for_origins for rule in bound.rules)

    def flaw(self, tool: CatalogTool) -> Decision | None:
        """The denial of every call of a tool that a rule does not fit."""
        bound = self._tools.get(tool.name)
        return bound.flaw if bound else None

    def explain(
        self,
        principal: Principal,
        tool: CatalogTool,
        arguments: JsonObject,
        run: RunScope | None = None,
        origins: Origins | None = None,
    ) -> tuple[Explained, ...]:
        """Every rule over tools, in the order of the files, and what it made of the call."""
        decision = self.decide(principal, tool, arguments, run, origins)
        bound = self._tools.get(tool.name)
        by_id = {} if bound is None else {rule.rule.id: rule for rule in bound.rules}
        case = Case(principal, tool, arguments, run, bound.variables if bound else None, origins)
        found = [_explain(rule, by_id.get(rule.id), case, decision) for rule in self._over_tools()]
        if decision.rule == SCOPES or decision.rule.startswith("agent:"):  # no rule of a file has such an id
            found.insert(0, Explained(decision.rule, "", "deny", True, True, decision.reason))
        elif tool.backend in OURS and (refusal := self._refusal_of_ours(principal, tool, run)) is not None:
            found.insert(0, Explained(refusal.rule, "", "deny", True, True, refusal.reason))
        return tuple(found)

    def explain_operation(
        self, principal: Principal, operation: str, resource: Mapping[str, str]
    ) -> tuple[Explained, ...]:
        """Every rule over operations, in the order of the files, and what it made of this one."""
        return self._operations.explain(principal, operation, resource)

    def _over_tools(self) -> Iterator[Rule]:
        return (rule for rule in self.policy.rules if rule.tools.patterns)

    def _refusal(self, principal: Principal, tool: CatalogTool, run: RunScope | None) -> Decision | None:
        """The denial that holds for every call of this caller, whatever the rules say: the agent has no such tool,
        it is one for runs only or for others only, what it does is denied, no scope of the caller matches it, a
        rule does not fit it, or it came after this policy was bound."""
        if tool.backend in OURS and (refusal := self._refusal_of_ours(principal, tool, run)) is not None:
            return refusal
        if run is not None and not globs(run.tools).matches(tool.name):
            reason = f"the agent {run.agent} does not have this tool"
            return Decision("deny", f"agent:{run.agent}", reason, self.version)
        if not within(principal, tool.name):
            return Decision("deny", SCOPES, outside(tool.name), self.version)
        bound = self._tools.get(tool.name)
        return self._nothing if bound is None else bound.flaw and self._of_now(bound.flaw)

    def _refusal_of_ours(
        self, principal: Principal, tool: CatalogTool, run: RunScope | None
    ) -> Decision | None:
        """Who calls an agent starts a run, and is told what it says: that must be allowed, too."""
        if tool.backend == PEOPLE:
            reason = "only an agent, in a run, turns to people"
            return Decision("deny", "", reason, self.version) if run is None else None
        if run is not None:
            return Decision("deny", "", "no agent calls another one", self.version)
        if agent := agent_called(tool.own_name):
            own = {"agent": agent, "owner": principal.id}
            for operation, resource in (("run.start", {"agent": agent}), ("run.read", own)):
                decision = self._operations.decide(principal, operation, resource)
                if decision.effect != "allow":
                    return decision
        return None

    def _may_do(self, principal: Principal, tool: CatalogTool) -> bool:
        """Whether there could be a run with which the caller may do what a tool of runs does."""
        needed = NEEDS.get(tool.own_name)
        return needed is None or self._operations.may_allow(principal, needed)

    def _of_now(self, decision: Decision) -> Decision:
        """The decision of a rule that was bound when another catalog was in force, under today's version."""
        if decision.version == self.version:
            return decision
        return msgspec.structs.replace(decision, version=self.version)


def bind(policy: Policy, catalog: Catalog, before: BoundPolicy | None = None) -> BoundPolicy:
    """Bind every rule to every tool that it can concern. `before` is an earlier binding: where the policy is the
    same one, what was bound to a tool that did not change is taken from it. Raises nothing: a rule that does not
    fit a tool denies that tool, and is among the problems."""
    return at_once(bind_steps(policy, catalog, before))


def bind_steps(policy: Policy, catalog: Catalog, before: BoundPolicy | None = None) -> Steps[BoundPolicy]:
    """`bind`, a step for each tool that is new and for each warning."""
    version = f"{policy.digest[:SHORT]}-{catalog.digest[:SHORT]}"
    conditions = Conditions()
    known = before.fits if before is not None and before.policy is policy else {}
    fits: dict[str, _Fit] = {}
    for tool in catalog.tools:
        fit = known.get(tool.name)
        if fit is None or fit.tool is not tool:
            problems: list[str] = []
            fit = _Fit(tool, _bind_tool(policy, tool, conditions, version, problems), tuple(problems))
            yield
        fits[tool.name] = fit
    warnings: list[str] = []
    for warning in warnings_of(policy.rules, catalog):
        warnings.append(warning)
        yield
    found = tuple(problem for fit in fits.values() for problem in fit.problems)
    tools = {name: fit.bound for name, fit in fits.items()}
    away = {name: fit for name, fit in known.items() if name not in fits and catalog.remembers(fit.tool)}
    return BoundPolicy(policy, version, tools, found, tuple(warnings), fits | away)


def _bind_tool(
    policy: Policy, tool: CatalogTool, conditions: Conditions, version: str, problems: list[str]
) -> BoundTool:
    bound: list[BoundRule] = []
    flaw: Decision | None = None
    for rule in policy.rules:
        if not rule.tools.matches(tool.name):
            continue
        try:
            bound.append(bind_rule(rule, tool, conditions, version))
        except ConfigurationError as error:
            problems.append(f"{error.message} Every call of {tool.name} is denied until then.")
            flaw = flaw or Decision("deny", rule.id, f"a rule does not fit it: {error.message}", version)
    return BoundTool(tool, bound, conditions, flaw)


def _told(decision: Decision, case: Case) -> Decision:
    """With the first value whose origin kept a rule from applying, or had a restraint apply."""
    told = f"; {case.strays[0].told}"
    return msgspec.structs.replace(decision, reason=f"{decision.reason.rstrip('.')}{told}", strays=told)


def _explain(rule: Rule, bound: BoundRule | None, case: Case, decision: Decision) -> Explained:
    decided = rule.id == decision.rule
    if bound is None:
        why, concerns = "is for other tools", rule.tools.matches(case.tool.name)
        if concerns:
            why = decision.reason if decided else "does not fit this tool"
        return Explained(rule.id, rule.where(), rule.effect, decided, decided, why, concerns)
    before = len(case.strays)
    match = bound.match(case)
    matched = bound.applies(match) is True
    why = match.value
    if match is Match.FAILED:
        why = f"{why} ({bound.failure(case)})"
    if len(case.strays) > before:
        why = f"{why}: {case.strays[-1].told}"
    if match in (Match.FAILED, Match.NO_ORIGIN):
        why = f"{why}, so it {'applies' if matched else 'does not allow'}"
    elif matched and not decided:
        why = f"{why}, but {decision.rule or decision.reason}{' decides' if decision.rule else ''}"
    return Explained(rule.id, rule.where(), rule.effect, matched, decided, why)
