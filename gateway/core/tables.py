"""Decision tables: calls and operations, and what a policy must say of each, run against the policy itself.

Beside the cases, a run says which rules decided none of them: a rule that no case speaks of may say anything.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from gateway.core.catalog import Catalog, CatalogTool
from gateway.core.policy import BoundPolicy, Decision, Explained
from gateway.core.provenance import Sources
from gateway.core.rules import Effect
from toolward.names import closest
from toolward.types import JsonObject, Principal, RunScope

EVERY_TOOL = ("*",)


class Expected(msgspec.Struct, frozen=True):
    """What must come out; None = not asked. An empty `rule` means that no rule decided."""

    effect: Effect | None = None
    rule: str | None = None
    violation: str | None = None  # words in what is wrong with the arguments
    listed: bool | None = None


class TableCase(msgspec.Struct, frozen=True):
    """One call by one principal, outside a run or in one of `agent`, into which `sources` have come (None = that is
    not known); or, where `operation` is set, an operation on `resource`, which has every attribute of it."""

    where: str  # file:line
    principal: Principal
    expected: Expected
    tool: str = ""
    arguments: JsonObject = {}
    agent: str = ""
    sources: Sources | None = None
    operation: str = ""
    resource: Mapping[str, str] = {}

    @property
    def subject(self) -> dict[str, Any]:
        """What is decided, as JSON."""
        if self.operation:
            return {"operation": self.operation, "resource": self.resource}
        return {"tool": self.tool, "arguments": self.arguments}

    @property
    def run(self) -> RunScope | None:
        if not self.agent:
            return None
        untrusted = None if self.sources is None else self.sources.untrusted
        return RunScope("run_of_the_table", self.agent, EVERY_TOOL, untrusted=untrusted)


class CaseResult(msgspec.Struct, frozen=True):
    """One case, how it was decided, and what is wrong with that; nothing = it passed. `rules` explain a decision
    that was not expected."""

    case: TableCase
    effect: Effect | None = None
    rule: str = ""
    wrong: tuple[str, ...] = ()
    rules: tuple[Explained, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.wrong


class Uncovered(msgspec.Struct, frozen=True):
    """A rule that decided no case."""

    rule: str
    where: str


class TableResult(msgspec.Struct, frozen=True):
    """`problems`: rules that do not fit a tool; the table fails by them too."""

    file: str
    results: tuple[CaseResult, ...]
    rules: int
    uncovered: tuple[Uncovered, ...]
    problems: tuple[str, ...] = ()

    @property
    def failed(self) -> int:
        return sum(not one.passed for one in self.results)

    @property
    def covered_percent(self) -> float:
        return 100.0 * (self.rules - len(self.uncovered)) / self.rules if self.rules else 100.0


def run_table(file: str, cases: Iterable[TableCase], policy: BoundPolicy, catalog: Catalog) -> TableResult:
    """Every case, decided as `dispatch` would decide it. Raises nothing."""
    results = tuple(_run(case, policy, catalog) for case in cases)
    deciding = {one.rule for one in results}
    uncovered = (rule for rule in policy.policy.rules if rule.id not in deciding)
    return TableResult(
        file,
        results,
        len(policy.policy.rules),
        tuple(Uncovered(rule.id, rule.where()) for rule in uncovered),
        policy.problems,
    )


def _run(case: TableCase, policy: BoundPolicy, catalog: Catalog) -> CaseResult:
    if case.operation:
        decision = policy.decide_operation(case.principal, case.operation, case.resource)
        return _judged(
            case,
            decision,
            [],
            lambda: policy.explain_operation(case.principal, case.operation, case.resource),
        )
    tool = catalog.find(case.tool)
    if tool is None:
        near = closest(case.tool, [one.name for one in catalog.tools])
        said = f"; did you mean {near}?" if near else "; give it a schema under `tools`"
        return CaseResult(case, wrong=(f"there is no tool {case.tool}{said}",))
    wrong = list(_wrong_listing(case, policy, tool))
    violations = tool.input_schema.violations(case.arguments)
    expected = case.expected
    if expected.violation is not None:
        said = "; ".join(map(str, violations))
        if expected.violation not in said or not violations:
            found = f"what is wrong with them is: {said}" if violations else "the schema accepts them"
            wrong.append(f"expected wrong arguments ({expected.violation}), but {found}")
        return CaseResult(case, wrong=tuple(wrong))
    if expected.effect is None:
        return CaseResult(case, wrong=tuple(wrong))
    if violations:
        wrong.append(f"the arguments are wrong: {'; '.join(map(str, violations))}")
        return CaseResult(case, wrong=tuple(wrong))
    asked = (case.principal, tool, case.arguments, case.run, case.sources)
    return _judged(case, policy.decide(*asked), wrong, lambda: policy.explain(*asked))


def _judged(
    case: TableCase, decision: Decision, wrong: list[str], explain: Callable[[], tuple[Explained, ...]]
) -> CaseResult:
    expected = case.expected
    if decision.effect != expected.effect or expected.rule not in (None, decision.rule):
        wanted = said_of(expected.effect or "", expected.rule)
        wrong.append(f"expected {wanted}, got {said_of(decision.effect, decision.rule)}")
    return CaseResult(case, decision.effect, decision.rule, tuple(wrong), explain() if wrong else ())


def _wrong_listing(case: TableCase, policy: BoundPolicy, tool: CatalogTool) -> Iterator[str]:
    if case.expected.listed is None:
        return
    if policy.listable(case.principal, tool, case.run) is not case.expected.listed:
        yield f"expected it {'listed' if case.expected.listed else 'hidden'}, and it is not"


def said_of(effect: str, rule: str | None) -> str:
    """`ask by refunds`, `deny by no rule`, `allow`."""
    return effect if rule is None else f"{effect} by {rule or 'no rule'}"
