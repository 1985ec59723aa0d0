"""The page about policy, followed: its files, its commands, and what they print."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from gateway.bootstrap.tables import check_table
from gateway.cli.policy_tables import run
from gateway.config.tables import load_table
from tests.e2e.command import Done, free_port, toolward

PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
POLICY, TABLE = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SHOWN = dict(re.findall(r"^```console\n\$ toolward (.*?)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
"""What is printed, by command."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "shop.yaml").write_text(POLICY)
    (tmp_path / "policies" / "shop_test.yaml").write_text(TABLE)
    return tmp_path


def shown(verb: str) -> tuple[list[str], str]:
    (command,) = [one for one in SHOWN if one.startswith(f"policy {verb} ")]
    return shlex.split(command), SHOWN[command]


def follow(folder: Path, verb: str) -> tuple[Done, str]:
    command, said = shown(verb)
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


def test_check_prints_what_is_shown(folder: Path) -> None:
    done, said = follow(folder, "check")
    assert (done.code, done.out) == (0, said)


def test_explain_prints_what_is_shown(folder: Path) -> None:
    here(folder, "tool", "list")  # the CRM makes its database when it starts for the first time
    done, said = follow(folder, "explain")
    assert done.code == 0, done.err
    out = re.sub(
        r"\t\S*(policies/\S+)", r"\t\1", done.out
    )  # where the shipped ones lie is the machine's affair
    assert words(out + done.err) == words(said)


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
    plain = [re.sub(r"call_\w+…?|20\d\d-\S+", "…", text) for text in (done.out + done.err, said)]
    assert words(plain[0]) == words(plain[1])


def test_every_key_of_a_rule_is_in_the_table_and_no_other(folder: Path) -> None:
    from gateway.core.rules_reader import _KEYS  # pyright: ignore[reportPrivateUsage] -- the page must keep up with it

    (listed,) = re.findall(r"^\| key \|.*?\n\|---\|---\|\n(.*?)\n\n", PAGE, re.MULTILINE | re.DOTALL)
    assert sorted(re.findall(r"^\| `(\w+)`", listed, re.MULTILINE)) == sorted(_KEYS)


def test_its_table_is_one_about_its_policy(folder: Path) -> None:
    result = check_table(load_table(folder / "policies" / "shop_test.yaml"))
    assert result.failed == 0
    assert [one.rule for one in result.uncovered] == ["nothing-at-night"]
