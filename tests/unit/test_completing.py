"""What a shell is offered, and that each shell takes it."""

import os
import pty
import re
import shutil
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


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of a shell that finds `toolward`."""
    program = tmp_path / "toolward"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "from gateway.cli import main; main()" "$@"\n')
    program.chmod(0o755)
    found = {"PATH": f"{tmp_path}:/usr/bin:/bin", "TERM": "dumb"}
    return found | dict.fromkeys(("HOME", "ZDOTDIR", "XDG_CONFIG_HOME", "TOOLWARD_HOME"), str(tmp_path))


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"needs {shell}: make shells")


def test_bash_completes_by_the_script(environment: dict[str, str]) -> None:
    asked = 'COMP_WORDS=(toolward run li); COMP_CWORD=2; _toolward; echo "${COMPREPLY[@]}"'
    assert _run(["bash", "-c", f"{SCRIPTS['bash']}\n{asked}"], environment) == "list\n"


@needs("fish")
def test_fish_completes_by_the_script(environment: dict[str, str]) -> None:
    said = _run(["fish", "-c", f"{SCRIPTS['fish']}\ncomplete -C 'toolward run li'"], environment)
    assert said.partition("\t")[0] == "list"


@needs("zsh")
def test_zsh_completes_by_the_script(environment: dict[str, str], tmp_path: Path) -> None:
    begin = "autoload -Uz compinit; compinit -u; PS1='ready: '"
    (tmp_path / ".zshrc").write_text(f"{begin}\n{SCRIPTS['zsh']}\n")
    terminal, its = pty.openpty()  # it completes on a terminal alone
    line = ["zsh", "-i"]
    with subprocess.Popen(
        line, stdin=its, stdout=its, stderr=its, env=environment, start_new_session=True
    ) as zsh:
        os.close(its)
        try:
            _read_until(terminal, "ready: ")
            os.write(terminal, b"toolward run li\t")
            _read_until(terminal, "toolward run list")
        finally:
            zsh.kill()
    os.close(terminal)


def _run(words: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    assert done.stderr == ""
    return done.stdout


def _read_until(terminal: int, text: str) -> None:
    """What moves the cursor and sets colours is not looked at."""
    seen = ""
    while text not in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|.\x08|\r", "", seen):
        seen += os.read(terminal, 4096).decode(errors="replace")
