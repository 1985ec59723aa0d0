"""The rules in force, file by file, as they are written, with how often each decided."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gateway.core.policy import BoundPolicy, Rule
from gateway.core.ports import RuleHits
from gateway.oversight.policies.files import PolicyFile


class RuleShown(NamedTuple):
    """`number` counts from 1 over all files. `written` is the rule as it stands in its file. `calls` is None where
    nobody counts: rules over operations decide what is not on record, or the asker may not read that. `problems`
    are tools that it does not fit, `warnings` tools that are not there."""

    number: int
    rule: Rule
    written: str = ""
    calls: int | None = None
    last_at: int = 0
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_over_operations(self) -> bool:
        return bool(self.rule.operations.patterns)

    @property
    def who(self) -> tuple[str, ...]:
        """Labels; none where it is for everyone."""
        return () if self.rule.principals is None else self.rule.principals.patterns

    @property
    def what(self) -> tuple[str, ...]:
        """Patterns over tools or operations."""
        return self.rule.operations.patterns or self.rule.tools.patterns

    @property
    def never(self) -> bool:
        """Whether it decided nothing, of what would be on record."""
        return self.calls == 0 and not self.is_over_operations


class FileRules(NamedTuple):
    file: PolicyFile
    rules: tuple[RuleShown, ...]


class RulesShown(NamedTuple):
    """`unmatched` are calls that no rule matched, None where that is not known; `problem` says why what the files
    say now is not in force; `tables` are the decision tables beside the files."""

    version: str
    files: tuple[FileRules, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    unmatched: int | None
    tables: tuple[str, ...]
    problem: str
    may_write: bool

    @property
    def rules(self) -> tuple[RuleShown, ...]:
        return tuple(rule for file in self.files for rule in file.rules)


def rules_shown(
    bound: BoundPolicy,
    files: Sequence[PolicyFile],
    hits: Mapping[str, RuleHits] | None,
    tables: tuple[str, ...],
    problem: str,
    may_write: bool,
) -> RulesShown:
    """`hits` None: they are not known."""
    numbered = list(enumerate(bound.policy.rules, 1))
    found = [
        FileRules(
            file,
            tuple(
                _shown(rule, number, file, bound, hits) for number, rule in numbered if rule.file == file.name
            ),
        )
        for file in files
    ]
    nothing = hits.get("") if hits is not None else None
    unmatched = None if hits is None else 0 if nothing is None else nothing.calls
    return RulesShown(
        bound.version, tuple(found), bound.problems, bound.warnings, unmatched, tables, problem, may_write
    )


def _shown(
    rule: Rule, number: int, file: PolicyFile, bound: BoundPolicy, hits: Mapping[str, RuleHits] | None
) -> RuleShown:
    hit = None if hits is None else hits.get(rule.id)
    calls = None if hits is None else 0 if hit is None else hit.calls
    if rule.operations.patterns and not calls:
        calls = None
    said = f"the rule {rule.id} "
    return RuleShown(
        number,
        rule,
        _written(rule, file.text.split("\n")),
        calls,
        0 if hit is None else hit.last_at,
        tuple(one for one in bound.problems if said in one),
        tuple(one for one in bound.warnings if said in one),
    )


def _written(rule: Rule, lines: list[str]) -> str:
    """The lines from the rule's first to the last before the next item, without its indentation."""
    first = rule.lines.get(())
    if first is None or first > len(lines):
        return ""
    start = lines[first - 1]
    indent = len(start) - len(start.lstrip())
    found = [start[indent:]]
    for line in lines[first:]:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        found.append(line[indent:])
    while found and (not found[-1].strip() or found[-1].lstrip().startswith("#")):
        found.pop()
    return "\n".join(found)
