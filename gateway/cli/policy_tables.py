"""`toolward policy test`."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from gateway.bootstrap.tables import check_table
from gateway.cli.colours import coloured
from gateway.cli.output import EXIT_FAILED, EXIT_OK, note, print_json, shorten
from gateway.config.shipped import shipped_folder
from gateway.config.tables import ENDING, load_table
from gateway.core.tables import CaseResult, TableResult
from toolward.errors import ConfigurationError
from toolward.printable import printable

FOLDER = Path("policies")


def run(
    *files: Annotated[
        Path, Parameter(help=f"tables; without any, policies/*{ENDING}, else the shipped ones")
    ],
    strict: Annotated[bool, Parameter(help="fail for a rule that decides no case", negative=())] = False,
    min_coverage: Annotated[
        float, Parameter(help="fail below this percentage of rules that decide one")
    ] = 0.0,
    json: Annotated[bool, Parameter(help="print JSON", negative=())] = False,
) -> int:
    """Run decision tables; no server is started."""
    tables = [load_table(file) for file in files or _found()]
    results = [check_table(table) for table in tables]
    least = 100.0 if strict else min_coverage
    passed = [_passes(one, least) for one in results]
    if json:
        print_json({"passed": all(passed), "tables": list(map(_as_json, results))})
    else:
        for one in results:
            _print(one, least)
    return EXIT_OK if all(passed) else EXIT_FAILED


def _found() -> Sequence[Path]:
    for folder in (FOLDER, shipped_folder("policies")):
        if found := sorted(folder.glob(f"*{ENDING}")):
            return found
    raise ConfigurationError(f"There is no table: policies/*{ENDING}.", hint="Name the files.")


def _passes(one: TableResult, least: float) -> bool:
    return not one.failed and not one.problems and one.covered_percent >= least


def _print(one: TableResult, least: float) -> None:
    for result in one.results:
        for line in _lines(result):
            print(line)
    for problem in one.problems:
        note(f"{coloured('problem', 'failed')}  {problem}")
    for rule in one.uncovered:
        note(f"{coloured('not covered', 'ask')}  {rule.where}: the rule {rule.rule} decides no case")
    word = "ok" if _passes(one, least) else "failed"
    covered = one.rules - len(one.uncovered)
    passing = len(one.results) - one.failed
    print(
        f"{coloured(word, word, sys.stdout)}  {one.file}: {passing} of {len(one.results)} cases pass,"
        f" {covered} of {one.rules} rules decide one"
    )


def _lines(result: CaseResult) -> Iterator[str]:
    """Nothing for a case that passes; else what was expected, and how the rules came to what they said."""
    if result.passed:
        return
    case = result.case
    name, about = case.subject.values()
    call = f"{name} {shorten(msgspec.json.encode(about).decode(), 200)}"
    who = ",".join(case.principal.labels) + (f",agent:{case.agent}" if case.agent else "")
    yield f"{coloured('FAILED', 'failed', sys.stdout)}  {case.where}: {printable(call)} by {printable(who)}"
    yield from (f"    {printable(said)}" for said in result.wrong)
    for one in result.rules:
        if one.matched or one.rule == case.expected.rule:
            yield f"    {one.where}: the rule {one.rule} ({one.effect}) {printable(one.why)}"


def _as_json(one: TableResult) -> dict[str, Any]:
    return {
        "file": one.file,
        "cases": len(one.results),
        "failed": [_failure(result) for result in one.results if not result.passed],
        "rules": one.rules,
        "uncovered": one.uncovered,
        "problems": one.problems,
    }


def _failure(result: CaseResult) -> dict[str, Any]:
    case = result.case
    return {
        "where": case.where,
        "principal": case.principal,
        "agent": case.agent,
        **case.subject,
        "effect": result.effect,
        "rule": result.rule,
        "wrong": result.wrong,
        "rules": result.rules,
    }
