"""The page about trajectories, followed: its commands print what it shows, its tables have every field."""

import json
import re
import shlex
import sys
from collections.abc import Generator
from pathlib import Path

import msgspec
import pytest

from gateway.agent.chat_training import conversation
from gateway.agent.replay import replay
from gateway.agent.trajectory import Called, TrajectoryLine, TurnTold
from gateway.cli.run_replay import tell
from tests.e2e.command import Done, Up, free_port, patiently, toolward
from toolward.types import RunEvent

PAGE = (Path(__file__).parents[2] / "docs" / "trajectories.md").read_text(encoding="utf-8")
SHOWN = dict(re.findall(r"^```console\n\$ toolward (.*?)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
SNIPPET = "".join(re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
THE_RUN = "run_1m8avh4rh5f6faaydfrp"


class Desk:
    """A gateway that is up, with one run, as the page has it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "one.yaml"
        command = json.dumps([sys.executable, "-m", "toolservers.calculator"])
        self.config.write_text(
            f"version: 1\nhttp: 127.0.0.1:{free_port()}\ngrpc: 127.0.0.1:{free_port()}\n"
            f"backends: {{calculator: {{command: {command}}}}}\n"
        )
        self.up = Up(folder / "home", self.config)

    def ask(self) -> None:
        asked = patiently(lambda: self.toolward("ask", "What is 12.5% of 249.90?", "--json"))
        assert asked.code == 0, asked.err
        self.run = self.toolward("run", "list", "--json").json["runs"][0]["id"]
        assert self.toolward("run", "rate", self.run, "1", "--comment", "right to the cent").code == 0

    def toolward(self, *words: str) -> Done:
        return toolward(self.folder / "home", *words, TOOLWARD_CONFIG=str(self.config))

    def follow(self, about: str) -> tuple[Done, str]:
        (command,) = [one for one in SHOWN if about in one]
        done = self.toolward(*shlex.split(command.replace(THE_RUN, self.run)))
        assert done.code == 0, done.err
        return done, SHOWN[command].replace(THE_RUN, self.run)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Generator[Desk, None, None]:
    desk = Desk(tmp_path_factory.mktemp("desk"))
    try:
        desk.ask()
        yield desk
    finally:
        desk.up.stop()


def masked(text: str) -> str:
    """How long things took, and when they were, is not the same twice."""
    return re.sub(r"[\d,]+ ms|20\d\d-\S+ \S+Z|[\d,]+ \+ [\d,]+ tokens", "…", text)


def test_show_prints_what_is_shown(desk: Desk) -> None:
    done, said = desk.follow("run show")
    assert masked(done.out) == masked(said)


def test_a_request_is_shown_word_for_word(desk: Desk) -> None:
    done = desk.toolward("run", "show", desk.run, "--request", "2")
    asked = desk.toolward("run", "show", desk.run, "--request", "2", "--json").json
    assert f"it fits the digest {asked['digest']}" in done.out
    for message in asked["messages"]:
        assert message["text"] in done.out
    assert 'calls calculator__calculate (call_1_step1)  {"expression":"12.5% of 249.90"}' in done.out
    missing = desk.toolward("run", "show", desk.run, "--request", "3")
    assert (missing.code, "has no turn 3" in missing.err) == (1, True)


def test_export_writes_what_is_said(desk: Desk) -> None:
    done, said = desk.follow("--state completed --since 7d")
    assert done.err.endswith(said)
    file = desk.folder / "runs.jsonl"
    assert file.stat().st_mode & 0o777 == 0o600
    assert not file.with_name("runs.jsonl.part").exists()
    line = msgspec.json.decode(file.read_bytes(), type=TrajectoryLine)
    assert (line.run.id, line.reward) == (desk.run, 1)
    named = desk.toolward("run", "export", desk.run)
    assert named.out == file.read_text()
    found = {"run": json.loads(named.out)}
    exec(SNIPPET, found)
    *prompt, _ = msgspec.to_builtins(conversation(line))
    assert found["said"] == msgspec.json.decode(msgspec.json.encode(prompt))


def test_export_for_fine_tuning_writes_what_is_said(desk: Desk) -> None:
    done, said = desk.follow("--format openai")
    assert done.err.endswith(said)
    (made,) = [json.loads(line) for line in (desk.folder / "examples.jsonl").read_text().splitlines()]
    assert list(made) == ["messages", "tools", "parallel_tool_calls"]
    assert [one["role"] for one in made["messages"]] == ["system", "user", "assistant", "tool", "assistant"]


def test_export_takes_ids_or_filters_and_says_where_it_cannot_write(desk: Desk) -> None:
    both = desk.toolward("run", "export", desk.run, "--agent", "support")
    assert (both.code, "not both" in both.err) == (2, True)
    nowhere = desk.toolward("run", "export", desk.run, "--out", "no/such/folder.jsonl")
    assert (nowhere.code, "cannot be written" in nowhere.err) == (1, True)


def test_policy_decides_who_exports(desk: Desk) -> None:
    rules = desk.folder / "no-exports.yaml"
    rules.write_text(
        "version: 1\nrules:\n"
        "  - {id: all, operations: ['*'], effect: allow}\n"
        "  - {id: none-go-out, operations: [run.export], effect: deny}\n"
    )
    config = desk.folder / "strict.yaml"
    config.write_text(
        f"version: 1\ngrpc: 127.0.0.1:{free_port()}\npolicies: [{rules.name}]\nbackends: {{}}\n"
    )
    home, where = desk.folder / "home", ("--config", str(config))
    named = toolward(home, "run", "export", desk.run, *where)
    assert (named.code, named.out) == (3, "")
    assert "none-go-out" in named.err
    every = toolward(home, "run", "export", *where)
    assert (every.code, every.out) == (0, "")
    assert f"{desk.run} is left out" in every.err


def test_replay_prints_what_is_shown(desk: Desk) -> None:
    done, said = desk.follow("run replay")
    assert done.out == said
    assert desk.toolward("run", "replay", desk.run, "--json").json["difference"] is None


def test_a_difference_is_told_as_shown(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = msgspec.convert(desk.toolward("run", "show", desk.run, "--json").json["events"], list[RunEvent])
    monkeypatch.setattr("gateway.agent.context.RESULTS_ARE_DATA", "Trust every result.")
    difference = replay(log, {})
    assert difference is not None
    tell(difference)
    (said,) = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    digest = r"\S{32}$"
    told = capsys.readouterr().out
    assert re.sub(digest, "…", told, flags=re.MULTILINE) == re.sub(digest, "…", said, flags=re.MULTILINE)


def test_every_field_is_in_the_tables_and_no_other() -> None:
    tables = re.findall(r"^\| field \| .*?\n\|---\|---\|\n(.*?)\n\n", PAGE, re.MULTILINE | re.DOTALL)
    for table, shape in zip(tables, (TrajectoryLine, TurnTold), strict=True):
        named = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]
        assert sorted(named) == sorted(shape.__struct_fields__)
    said = PAGE[PAGE.index("A call has its") :]
    for name in ("arguments_json", "sent_at", "decision", "asked", "outcome", "origins", "untrusted"):
        assert name in Called.__struct_fields__
        assert f"`{name}`" in said
