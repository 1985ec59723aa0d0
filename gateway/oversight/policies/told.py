"""What is said of policies to programs: over REST, and by the command line."""

import msgspec

from gateway.core.binding import Decision
from gateway.core.operation_policy import Explained
from gateway.core.rules import Effect
from gateway.oversight.policies.listing import RuleShown, RulesShown
from gateway.oversight.policies.why import Why
from toolward.types import Origin, Principal


class PolicyRule(msgspec.Struct, frozen=True):
    """One rule. `number` counts from 1 over all files; no `principals` are everyone; one over `operations` has no
    `tools`. `calls` are those of the last 7 days that it decided, null where nobody counts or you may not know;
    `last_at` is the last of them (Unix ms). `problems` are tools that it does not fit, `warnings` tools that are
    not there."""

    number: int
    id: str
    where: str  # file:line
    effect: Effect
    description: str
    principals: tuple[str, ...]
    tools: tuple[str, ...]
    operations: tuple[str, ...]
    written: str
    calls: int | None
    last_at: int
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


class PolicyFileRules(msgspec.Struct, frozen=True):
    """`digest` is the SHA-256 of the file; `kept` says why it is not changed from here."""

    name: str
    digest: str
    kept: str
    rules: tuple[PolicyRule, ...]


class PolicyRules(msgspec.Struct, frozen=True):
    """The policy in force, with what is wrong with it; `problem` says why what the files say now is not in force.
    `unmatched` are calls of the last 7 days that no rule matched; null as there."""

    version: str
    files: tuple[PolicyFileRules, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    unmatched: int | None
    problem: str


class PolicyWhy(msgspec.Struct, frozen=True):
    """How a call, or an operation, is decided, and why. `agent` is whose run it would be made in; `origins` are
    where its values would come from, as far as that is known."""

    principal: Principal
    name: str
    is_operation: bool
    agent: str
    sentence: str
    decision: Decision
    rules: tuple[Explained, ...]
    origins: tuple[Origin, ...] = ()


def rules_told(shown: RulesShown) -> PolicyRules:
    files = tuple(
        PolicyFileRules(one.file.name, one.file.digest, one.file.kept, tuple(map(_rule, one.rules)))
        for one in shown.files
    )
    return PolicyRules(shown.version, files, shown.problems, shown.warnings, shown.unmatched, shown.problem)


def why_told(why: Why) -> PolicyWhy:
    """Of a question, which always has a verdict."""
    if why.verdict is None:
        raise ValueError("a call on record may have none")
    question = why.question
    decided = why.verdict
    return PolicyWhy(
        principal=question.principal,
        name=question.name,
        is_operation=why.is_operation,
        agent=why.agent,
        sentence=decided.sentence,
        decision=decided.decision,
        rules=why.rules,
        origins=why.origins,
    )


def _rule(one: RuleShown) -> PolicyRule:
    rule = one.rule
    return PolicyRule(
        number=one.number,
        id=rule.id,
        where=rule.where(),
        effect=rule.effect,
        description=rule.description,
        principals=one.who,
        tools=rule.tools.patterns,
        operations=rule.operations.patterns,
        written=one.written,
        calls=one.calls,
        last_at=one.last_at,
        problems=one.problems,
        warnings=one.warnings,
    )
