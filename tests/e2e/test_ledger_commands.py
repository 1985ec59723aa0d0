"""`toolward ledger`: read, checked, exported and kept up by its file alone."""

import asyncio
import json
import sqlite3
import subprocess
from pathlib import Path

import pytest

from gateway.core.ports import CallOutcome, CallRecord
from gateway.ledger.ledger import Ledger
from tests.e2e.command import BIN, toolward
from toolward.types import text_result


async def _write(file: Path, first: int, last: int) -> None:
    async with Ledger.open(file) as ledger:
        for number in range(first, last):
            record = CallRecord(
                id=f"call_{number}", at=1_780_000_000_000 + number, principal="ada", tenant="default",
                tool="crm.get_record", effect="allow", rule="reads", version="p/c", changes=False,
                roles=("support",), run_id=f"run_{number}", agent="support",
            )  # fmt: skip
            await ledger.intend(record, b'{"id":"ORD-%d"}' % number)
            ledger.settle(CallOutcome(record.id, 1, "ok", 1_500), text_result("found"))


def written(tmp_path: Path) -> tuple[Path, Path]:
    home = tmp_path / "home"
    home.mkdir()
    asyncio.run(_write(home / "ledger.db", 0, 5))
    return home, home / "ledger.db"


def test_a_ledger_is_shown_exported_and_checked(tmp_path: Path) -> None:
    home, file = written(tmp_path)
    newest = toolward(home, "ledger", "tail", "--limit", "2", "--json").lines
    assert [one["id"] for one in newest] == ["call_3", "call_4"]
    assert newest[0]["outcome"]["code"] == "ok"
    assert "arguments" not in newest[0]
    exported = toolward(home, "ledger", "export", "--payloads").lines
    assert [one["id"] for one in exported] == [f"call_{number}" for number in range(5)]
    assert exported[1]["principal"] == {"id": "ada", "roles": ["support"], "tenant": "default"}
    assert exported[1]["decision"] == {"effect": "allow", "rule": "reads", "version": "p/c"}
    assert exported[1]["run"] == {"id": "run_1", "agent": "support"}
    assert exported[1]["arguments"] == {"id": "ORD-1"}
    assert exported[1]["result"] == {"content": [{"type": "text", "text": "found"}]}

    whole = toolward(home, "ledger", "verify")
    assert whole.code == 0
    assert "whole: 12 entries" in whole.out
    connection = sqlite3.connect(file)
    connection.execute("UPDATE call_records SET effect = 'deny' WHERE id = 'call_2'")
    connection.commit()
    connection.close()
    broken = toolward(home, "ledger", "verify")
    assert broken.code == 1
    assert "(call call_2): its row was changed" in broken.err
    assert "NOT whole" in broken.out


def test_payloads_are_erased_a_key_is_rotated_and_all_is_whole(tmp_path: Path) -> None:
    home, _ = written(tmp_path)
    erased = toolward(home, "ledger", "erase", "call_1", "call_2", "--json").json
    assert erased == {"payloads": 4, "runs": 0, "requests": 0, "kept": []}
    key = toolward(home, "ledger", "rotate-key", "--json").json["key_id"]
    assert (home / "ledger-keys" / "current").read_text() == key
    found = toolward(home, "ledger", "verify", "--json")
    assert found.code == 0
    assert (found.json["whole"], found.json["erased"], found.json["segments"]) == (True, 2, 3)


def test_a_mistake_and_a_missing_ledger_say_what_to_do(tmp_path: Path) -> None:
    home = tmp_path / "home"
    missing = toolward(home, "ledger", "verify")
    assert missing.code == 1
    assert "There is no database" in missing.err
    wrong = toolward(home, "ledger", "export", "--since", "yesterday")
    assert wrong.code == 2
    assert "'yesterday' is no time" in wrong.err


COMMANDS = {
    "read": ("tail",),
    "verify": ("verify",),
    "export": ("export", "--payloads"),
    "erase": ("erase", "call_1"),
    "prune": ("prune", "--days", "1"),
    "rotate-key": ("rotate-key",),
}


@pytest.mark.parametrize("verb", COMMANDS)
def test_each_command_asks_policy_and_a_denied_one_does_nothing(tmp_path: Path, verb: str) -> None:
    home, _ = written(tmp_path)
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    config = tmp_path / "toolward.yaml"
    config.write_text("version: 1\npolicies: [policy.yaml]\nprincipals: [{id: ada}]\n")
    allowing = f"  - {{id: allows, operations: [ledger.{verb}], principals: ['user:ada'], effect: allow}}\n"
    others = ", ".join(f"ledger.{other}" for other in COMMANDS if other != verb)
    rules = f"version: 1\nrules:\n  - {{id: others, operations: [{others}], effect: allow}}\n"
    denying = "  - {id: closed, operations: ['ledger.*'], effect: deny, description: Not here.}\n"
    for said, text in (
        (f"Policy denies ledger.{verb} to ada: no rule allows ledger.{verb}.\n", rules),
        ("the rule closed denies it: Not here. (rule closed)", rules + allowing + denying),
    ):
        (tmp_path / "policy.yaml").write_text(text)
        denied = toolward(home, "ledger", *COMMANDS[verb], "--config", str(config))
        assert (denied.code, denied.out) == (3, "")
        assert said in denied.err
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before
    (tmp_path / "policy.yaml").write_text(rules + allowing)
    allowed = toolward(home, "ledger", *COMMANDS[verb], "--config", str(config))
    assert (allowed.code, allowed.err) == (0, "")


def test_replaying_the_ledger_is_reading_it(tmp_path: Path) -> None:
    home, _ = written(tmp_path)
    (tmp_path / "policy.yaml").write_text("version: 1\nrules: []\n")
    config = tmp_path / "toolward.yaml"
    config.write_text("version: 1\npolicies: [policy.yaml]\n")
    policy = str(tmp_path / "policy.yaml")
    done = toolward(home, "policy", "replay", policy, "--config", str(config))
    assert (done.code, done.out) == (3, "")
    assert "Policy denies ledger.read to local" in done.err


def test_without_a_policy_that_can_be_read_nothing_is_shown(tmp_path: Path) -> None:
    home, _ = written(tmp_path)
    (tmp_path / "policy.yaml").write_text("version: 1\nrules: [{}]\n")
    config = tmp_path / "toolward.yaml"
    config.write_text("version: 1\npolicies: [policy.yaml]\n")
    done = toolward(home, "ledger", "tail", "--config", str(config))
    assert (done.code, done.out) == (1, "")
    assert "The policy cannot be used" in done.err


def test_new_calls_are_followed(tmp_path: Path) -> None:
    home, file = written(tmp_path)
    following = [str(BIN / "toolward"), "ledger", "tail", "--limit", "1", "--follow", "--json"]
    with subprocess.Popen(
        following, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env={"TOOLWARD_HOME": str(home)}
    ) as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["id"] == "call_4"
            asyncio.run(_write(file, 5, 7))
            seen: dict[str, bool] = {}
            while not (len(seen) == 2 and all(seen.values())):
                one = json.loads(process.stdout.readline())
                seen[one["id"]] = one["outcome"] is not None
            assert set(seen) == {"call_5", "call_6"}
        finally:
            process.kill()
