"""The page about policy, followed: its files, its commands, and what they print."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from gateway.bootstrap.tables import check_table, table_catalog
from gateway.cli.policy_tables import run
from gateway.config.tables import Table, load_table
from gateway.core.limits import Rate
from gateway.core.operations import OPERATIONS
from gateway.core.patterns import BUILT_IN
from gateway.core.policy import bind
from gateway.core.rules_reader import LABELS
from tests.e2e.command import Done, free_port, patiently, toolward
from tests.policies import policy

PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
POLICY, ORIGINS, TERMS, OPERATION_RULES, TABLE = re.findall(
    r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
)
SHOWN = dict(re.findall(r"^```console\n\$ toolward (.*?)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
"""What is printed, by command."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "shop.yaml").write_text(POLICY)
    (tmp_path / "policies" / "shop_test.yaml").write_text(TABLE)
    return tmp_path


def shown(verb: str, about: str = "") -> tuple[list[str], str]:
    (command,) = [one for one in SHOWN if one.startswith(f"policy {verb} ") and about in one]
    return shlex.split(command), SHOWN[command]


def follow(folder: Path, verb: str, about: str = "") -> tuple[Done, str]:
    command, said = shown(verb, about)
    return here(folder, *command), said


def here(folder: Path, *command: str) -> Done:
    """As on the page, but with the two servers that it needs instead of all four: a test may be in a hurry."""
    python = json.dumps(sys.executable)
    env = {"TOOLWARD_CRM_DATABASE": str(folder / "crm.db")}, {"TOOLWARD_FILES_ROOT": str(folder)}
    lines = [
        f"  {name}: {{command: [{python}, -m, toolservers.{name}], env: {json.dumps(settings)}}}"
        for name, settings in zip(("crm", "files"), env, strict=True)
    ]
    config = folder / "two.yaml"
    config.write_text(f"version: 1\ngrpc: 127.0.0.1:{free_port()}\nbackends:\n" + "\n".join(lines) + "\n")
    return toolward(folder / "home", *command, TOOLWARD_CONFIG=str(config))


def words(text: str) -> list[list[str]]:
    """Lines as lists of cells: a terminal aligns what a pipe gets apart by tabs, and there it has a header."""
    lines = [line for line in text.splitlines() if line.strip() and not re.match(r"[A-Z]{4,} ", line)]
    return sorted([cell for cell in re.split(r"\s{2,}|\t+", line) if cell] for line in lines)


def printed(done: Done) -> str:
    """Without what is said of a server that answers for the first time."""
    return done.out + re.sub(r"^\w+: seen for the first time.*\n", "", done.err, flags=re.MULTILINE)


def masked(text: str) -> list[list[str]]:
    """Where the shipped policies lie, and on which lines their rules begin, is no affair of the page."""
    return words(re.sub(r"\S*(policies/default\.yaml):\d+", r"\1:…", text))


def test_check_prints_what_is_shown(folder: Path) -> None:
    done, said = follow(folder, "check")
    assert (done.code, done.out) == (0, said)


def test_explain_prints_what_is_shown(folder: Path) -> None:
    here(folder, "tool", "list")  # the CRM makes its database when it starts for the first time
    command, said = shown("explain", "crm.refund_payment")
    done = patiently(lambda: here(folder, *command))
    assert done.code == 0, done.err
    assert masked(printed(done)) == masked(said)


def test_explain_prints_what_is_shown_of_an_operation(folder: Path) -> None:
    done, said = follow(folder, "explain", "run.start")
    assert (done.code, done.err) == (0, "")
    assert masked(printed(done)) == masked(said)


def test_the_table_passes_and_prints_what_is_shown(folder: Path) -> None:
    done, said = follow(folder, "test")
    assert done.code == 0
    assert words(done.out + done.err) == words(said)


def test_a_failing_case_is_explained_as_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    table = Path("policies/shop_test.yaml")
    table.write_text(TABLE.replace("amount_minor: 5000,", "amount_minor: 5001,"))
    assert run(table) == 1
    (failed,) = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert capsys.readouterr().out.startswith(failed)


def test_replay_prints_what_is_shown(folder: Path) -> None:
    call = ("files.write_file", '{"path": "notes/a.md", "content": "x"}')
    assert here(folder, "tool", "call", *call).code == 0
    done, said = follow(folder, "replay")
    assert done.code == 1
    plain = [re.sub(r"call_\w+…?|20\d\d-\S+", "…", text) for text in (printed(done), said)]
    assert words(plain[0]) == words(plain[1])


def test_every_key_of_a_rule_is_in_the_table_and_no_other(folder: Path) -> None:
    from gateway.core.rules_reader import _KEYS  # pyright: ignore[reportPrivateUsage] -- the page must keep up with it

    (listed,) = re.findall(r"^\| key \|.*?\n\|---\|---\|\n(.*?)\n\n", PAGE, re.MULTILINE | re.DOTALL)
    assert sorted(re.findall(r"^\| `(\w+)`", listed, re.MULTILINE)) == sorted(_KEYS)


def test_the_rules_with_limits_outputs_and_operations_are_such_and_fit_the_tools() -> None:
    terms = policy(TERMS)
    catalog = table_catalog(Table("", (), shipped=True, tools=(), facts={}, cases=()))
    assert bind(terms, catalog).problems == bind(terms, catalog).warnings == ()
    refunds, reads = terms.rules
    assert (refunds.limits.rate, refunds.limits.concurrency, refunds.limits.per) == (
        Rate(10, 60),
        2,
        "tenant",
    )
    assert (refunds.limits.calls_per_day, refunds.limits.sums_per_day) == (200, {"amount_minor": 50000})
    assert [pattern.name for pattern in reads.output.redact] == ["email", "card", "order-number"]
    assert (reads.output.trust, reads.cache) == ("trusted", 300)
    assert all(rule.operations.patterns for rule in policy(OPERATION_RULES).rules)


def test_the_rules_with_origins_fit_the_tools_and_the_page_names_every_label() -> None:
    catalog = table_catalog(Table("", (), shipped=True, tools=(), facts={}, cases=()))
    rules = policy(ORIGINS)
    assert bind(rules, catalog).problems == bind(rules, catalog).warnings == ()
    assert {label for rule in rules.rules for labels in rule.origin.values() for label in labels} == set(
        LABELS
    )


def test_every_pattern_and_every_operation_is_named_with_its_attributes() -> None:
    assert [name for name in BUILT_IN if f"`{name}`" not in PAGE] == []
    rows = re.findall(r"^\| (`\w+\.\S+`.*?) \| (.*?) ?\|", PAGE, re.MULTILINE)
    listed = {name: row for row in rows for name in re.findall(r"`([\w.-]+)`", row[0]) if name in OPERATIONS}
    assert set(listed) == set(OPERATIONS)
    for name, (_, attributes) in listed.items():
        if name != "policy.reload":  # in one row with an operation that has one
            assert tuple(re.findall(r"`(\w+)`", attributes)) == OPERATIONS[name]


def test_its_table_is_one_about_its_policy(folder: Path) -> None:
    result = check_table(load_table(folder / "policies" / "shop_test.yaml"))
    assert result.failed == 0
    assert [one.rule for one in result.uncovered] == ["nothing-at-night"]
