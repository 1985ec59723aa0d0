"""What a shell is offered, and that bash takes it."""

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli import completing, completing_names
from gateway.cli.completing import possibilities
from gateway.cli.completion import SCRIPTS


@pytest.fixture(autouse=True)
def some_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def names(kind: str) -> list[tuple[str, str]]:
        return [(f"{kind}.one", "the\nfirst"), (f"{kind}.two", "")]

    monkeypatch.setattr(completing_names, "names", names)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ru"], ["run"]),
        (["run", "wa"], ["watch"]),
        (["run", "nothing", ""], []),
        (["tool", "call", "tool.t"], ["tool.two"]),
        (["tool", "call", "tool.two", "--k"], ["--key"]),
        (["run", "show", "--json", ""], ["run.one", "run.two"]),
        (["run", "watch", "--after", "3", ""], ["run.one", "run.two"]),
        (["run", "list", "--state", "comp"], ["completed"]),
        (["run", "list", "--agent", ""], ["agent.one", "agent.two"]),
        (["inbox", "approve", ""], ["request.one", "request.two"]),
        (["backend", "logs", ""], ["backend.one", "backend.two"]),
        (["run", "export", "run.one", ""], ["run.one", "run.two"]),
        (["run", "list", "--config", "x"], [completing.FILES]),
        (["agent", "check", ""], [completing.FILES]),
        (["completion", "z"], ["zsh"]),
        (["up", "--work"], ["--workers"]),
    ],
)
def test_what_can_come_next_is_offered(words: list[str], offered: list[str]) -> None:
    assert [line.partition("\t")[0] for line in possibilities(words)] == offered


def test_an_option_that_is_given_is_not_offered_again() -> None:
    found = [line.partition("\t")[0] for line in possibilities(["run", "list", "--json", "--"])]
    assert "--json" not in found
    assert {"--agent", "--help"} <= set(found)
    assert all("\n" not in line for line in possibilities(["tool", "call", ""]))


def test_bash_completes_by_the_script(tmp_path: Path) -> None:
    program = tmp_path / "toolward"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "from gateway.cli import main; main()" "$@"\n')
    program.chmod(0o755)
    asked = 'COMP_WORDS=(toolward run li); COMP_CWORD=2; _toolward; echo "${COMPREPLY[@]}"'
    said = subprocess.run(
        ["bash", "-c", f"{SCRIPTS['bash']}\n{asked}"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "TOOLWARD_HOME": str(tmp_path)},
    )
    assert (said.stdout, said.stderr) == ("list\n", "")
