"""What policy says of operations: deny beats allow, and what no rule speaks of, or no scope matches, is denied."""

from collections.abc import Iterable, Mapping

import msgspec

from gateway.core.binding import Decision
from gateway.core.conditions import Failed, operation_values
from gateway.core.operations import OPERATIONS
from gateway.core.rules import Effect, Rule
from gateway.core.scopes import RULE as SCOPES
from gateway.core.scopes import outside, within
from toolward.errors import Denied
from toolward.types import Principal


class Explained(msgspec.Struct, frozen=True):
    """One rule and one call or operation: whether it matched, whether it decided, and why (not). `concerns`: the
    rule names the tool or the operation."""

    rule: str
    where: str  # file:line
    effect: Effect
    matched: bool
    decided: bool
    why: str
    concerns: bool = True


class OperationPolicy:
    """The rules over operations, by operation, the deciding ones first. Nothing is compiled here or later."""

    def __init__(self, rules: Iterable[Rule], version: str) -> None:
        self._rules = [rule for rule in rules if rule.operations.patterns]
        self._by_operation = {
            name: sorted(
                (rule for rule in self._rules if rule.operations.matches(name)),
                key=lambda rule: rule.effect != "deny",
            )
            for name in OPERATIONS
        }
        self._version = version

    def decide(self, principal: Principal, operation: str, resource: Mapping[str, str]) -> Decision:
        """Never raises: what is not in the list of operations is denied like everything else."""
        if not within(principal, operation):
            return Decision("deny", SCOPES, outside(operation), self._version)
        for rule in self._by_operation.get(operation, ()):
            if _meeting(rule, principal, resource)[0]:
                verb = "allows it" if rule.effect == "allow" else "denies it"
                reason = f"the rule {rule.id} {verb}" + (f": {rule.description}" if rule.description else "")
                return Decision(rule.effect, rule.id, reason, self._version)
        return Decision("deny", "", f"no rule allows {operation}", self._version)

    def may_allow(self, principal: Principal, operation: str) -> bool:
        """Whether a rule could allow it to this caller for some resource."""
        return within(principal, operation) and any(
            rule.effect == "allow"
            and (rule.principals is None or rule.principals.matches_any(principal.labels))
            for rule in self._by_operation.get(operation, ())
        )

    def explain(
        self, principal: Principal, operation: str, resource: Mapping[str, str]
    ) -> tuple[Explained, ...]:
        """Every rule over operations, in the order of the files, and what it made of this one."""
        decision = self.decide(principal, operation, resource)
        found: list[Explained] = []
        if decision.rule == SCOPES:
            found.append(Explained(SCOPES, "", "deny", True, True, decision.reason))
        for rule in self._rules:
            applies, why = False, "is for other operations"
            if concerns := rule.operations.matches(operation):
                applies, why = _meeting(rule, principal, resource)
            decided = rule.id == decision.rule
            if applies and not decided:
                why = f"{why}, but {decision.rule} decides"
            found.append(Explained(rule.id, rule.where(), rule.effect, applies, decided, why, concerns))
        return tuple(found)


def refusal(decision: Decision, principal: Principal, operation: str) -> Denied | None:
    """The error for an operation that is denied."""
    if decision.effect == "allow":
        return None
    return Denied(
        f"Policy denies {operation} to {principal.id}: {decision.reason.rstrip('.')}.",
        hint="" if decision.rule else f"A rule with `operations: [{operation}]` can allow it.",
        rule=decision.rule,
    )


def _meeting(rule: Rule, principal: Principal, resource: Mapping[str, str]) -> tuple[bool, str]:
    """Whether a rule over this operation applies, and why (not). A condition without an answer never allows, and
    never keeps a deny from applying."""
    if rule.principals is not None and not rule.principals.matches_any(principal.labels):
        return False, "is for other callers"
    for name, patterns in rule.resource.items():
        if name not in resource:
            return rule.effect == "deny", f"asks for resource.{name}, which is not given"
        if not patterns.matches(resource[name]):
            return False, f"is for others: its `resource` does not match this {name}"
    if rule.condition is None:
        return True, "matches"
    answer = rule.condition.evaluate(operation_values(principal, resource))
    if isinstance(answer, Failed):
        applies = rule.effect == "deny"
        said = "applies" if applies else "does not allow"
        return applies, f"has a condition that could not be evaluated ({answer.why}), so it {said}"
    return answer, "matches" if answer else "does not match: its condition is false"
