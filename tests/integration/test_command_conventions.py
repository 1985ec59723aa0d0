"""Every command beside a gateway that runs, in this process: what it prints in a pipe and as JSON, how it fails,
with which exit code."""

import asyncio
import json
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.bootstrap import open_doors, open_gateway
from gateway.cli import main, pages
from gateway.config.parse import read_settings
from tests.e2e.command import free_port

CASES: dict[str, tuple[str, int]] = {
    "agent check": ("", 0),
    "agent list": ("", 0),
    "ask": ("hello --agent nobody", 1),
    "backend add": ("notes --grpc nowhere", 1),
    "backend list": ("", 0),
    "backend logs": ("lots", 1),
    "backend remove": ("lots", 1),
    "backup": ("{home}/inside", 1),
    "client connect": ("curser", 1),
    "client disconnect": ("curser", 1),
    "client list": ("", 0),
    "client print": ("curser", 1),
    "completion": ("bash", 0),
    "config path": ("--all", 0),
    "config show": ("", 0),
    "config trust": ("{folder}/nothing.yaml", 1),
    "console": ("", 0),
    "doctor": ("--offline", 0),
    "inbox answer": ("req_1 yes", 1),
    "inbox approve": ("req_1", 1),
    "inbox deny": ("req_1", 1),
    "inbox list": ("", 0),
    "inbox return": ("req_1 done", 1),
    "inbox show": ("req_1", 1),
    "inbox take": ("req_1", 1),
    "inbox withdraw": ("req_1", 1),
    "key create": ("ada --expires yesterday", 2),
    "key list": ("", 0),
    "key revoke": ("abc", 1),
    "ledger erase": ("", 2),
    "ledger export": ("--since 1d --until 2999-12-31", 0),
    "ledger prune": ("", 2),
    "ledger rotate-key": ("", 0),
    "ledger tail": ("", 0),
    "ledger verify": ("", 0),
    "model check": ("nobody", 1),
    "model list": ("", 0),
    "policy check": ("", 0),
    "policy explain": ("local run.strat", 1),
    "policy replay": ("", 2),
    "policy test": ("{folder}/nothing_test.yaml", 1),
    "restore": ("{folder}", 1),
    "run cancel": ("run_1", 1),
    "run erase": ("run_1", 1),
    "run export": ("run_1", 1),
    "run list": ("", 0),
    "run pause": ("run_1", 1),
    "run rate": ("run_1 1", 1),
    "run replay": ("run_1", 1),
    "run resume": ("run_1", 1),
    "run retry": ("run_1 --after 1", 1),
    "run send": ("run_1 hello", 1),
    "run show": ("run_1", 1),
    "run watch": ("run_1", 1),
    "status": ("", 0),
    "tool call": ("calculator.calculat", 1),
    "tool list": ("", 0),
    "tool review": ("nothing", 1),
    "tool show": ("agents.suport", 1),
    "version": ("", 0),
}
"""By command: what it is given, and its exit code."""

STAYS = {"demo", "mcp", "up"}
"""Commands that serve, or start servers; tests/e2e has them."""

TABLES = {
    "agent list": 4,
    "client list": 4,
    "config path": 3,
    "doctor": 4,
    "model list": 6,
    "status": 2,
    "tool list": 2,
}
"""Commands that print a table here, and its columns."""

CONFIG = """
version: 1
backends: {{}}
http: 127.0.0.1:{http}
grpc: 127.0.0.1:{grpc}
models: {{default: {{wire: offline}}}}
"""


class Said(NamedTuple):
    code: int
    out: str
    err: str


class Shell:
    """Where commands are typed; what is printed goes to pipes."""

    def __init__(self, config: Path, home: Path) -> None:
        self.config, self._home = config, home

    def says(self, words: str, capsys: pytest.CaptureFixture[str], *more: str) -> Said:
        filled = words.format(home=self._home, folder=self._home.parent).split()
        options = ("--config", str(self.config), *more) if takes_config(words) else more
        at = filled.index("--") if "--" in filled else len(filled)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TOOLWARD_HOME", str(self._home))
            patch.setenv("HOME", str(self._home.parent))
            patch.setattr(sys, "argv", ["toolward", *filled[:at], *options, *filled[at:]])
            with pytest.raises(SystemExit) as ended:
                main()
        assert isinstance(ended.value.code, int)
        shown = capsys.readouterr()
        return Said(ended.value.code, shown.out, shown.err)


def takes_config(words: str) -> bool:
    """Not where there is no such command."""
    for name, page in pages.pages().items():
        if not page["commands"] and f"toolward {words} ".startswith(f"{name} "):
            return "--config" in {name for option in page["options"] for name in option["names"]}
    return False


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Generator[Shell]:
    """Beside a gateway that runs on a thread of its own: commands have their own event loops."""
    folder = tmp_path_factory.mktemp("shell")
    config, home = folder / "toolward.yaml", folder / "home"
    config.write_text(CONFIG.format(http=free_port(), grpc=free_port()))
    ready, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with open_gateway(read_settings(config), home, environment={}) as gateway, open_doors(gateway):
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(30)
    yield Shell(config, home)
    loop.call_soon_threadsafe(over.set)
    thread.join(30)
    loop.close()


def test_every_command_is_here() -> None:
    commands = {
        name.removeprefix("toolward ") for name, page in pages.pages().items() if not page["commands"]
    }
    assert commands == CASES.keys() | STAYS


@pytest.mark.parametrize("command", CASES)
def test_a_command_keeps_to_the_conventions(
    command: str, shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    words, code = CASES[command]
    in_json = shell.says(f"{command} {words}".strip(), capsys, "--json")
    assert in_json.code == code, in_json
    told = [json.loads(line) for line in in_json.out.splitlines()]
    in_pipe = shell.says(f"{command} {words}".strip(), capsys)
    assert in_pipe.code == code
    assert "\x1b" not in in_pipe.out + in_pipe.err
    if code == 0:
        lines = in_pipe.out.splitlines()
        columns = {line.count("\t") + 1 for line in lines}
        assert columns == {TABLES[command]} if command in TABLES else True
        return
    error = told[-1]["error"]
    assert len(told) == 1
    assert all(error[name] for name in ("code", "message", "hint")), error
    assert in_pipe.out == ""
    assert in_pipe.err.startswith(f"toolward: {error['message']}")
    assert error["hint"] in in_pipe.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("tol list", 2, "Did you mean"),
        ("tool lst", 2, "Did you mean"),
        ("run list --stat completed", 2, "Did you mean --state?"),
        ("run list --state done", 2, "input_required"),
        (
            "ask where is my order",
            2,
            "This is more than ask takes: is my order.\n  Put what has spaces in q",
        ),
        ("version now", 2, "This is more than version takes: now."),
        ("tool show", 2, "toolward: tool show needs NAME.\n  See: toolward tool show --help"),
        ("run watch", 2, "toolward: run watch needs RUN_ID."),
        ("key create", 2, "toolward: key create needs OWNER."),
        ("run retry run_1", 2, "toolward: run retry needs --after."),
        ("tool lst --help", 2, "Did you mean"),
        ("run list --limit x", 2, "--limit 'x' is no whole number."),
        ("run rate run_1 good", 2, "SCORE 'good' is no number."),
        ("--config x tool list", 2, "--config stands before the command."),
        ("tool call agents.support {{}}", 1, "See what it takes: toolward tool show agents.support"),
        (
            "tool call agents.support {{input:1}}",
            2,
            "Write them in quotes: toolward tool call agents.support",
        ),
        ("tool call nothing.alike {{}}", 1, "See which there are: toolward tool list"),
        ("run show run_1", 1, "See which there are: toolward run list"),
        ("inbox show req_1", 1, "See which there are: toolward inbox list"),
        ("inbox answer req_1", 2, 'toolward inbox answer req_1 "…"'),
        ("inbox return req_1", 2, 'toolward inbox return req_1 "…"'),
        ("ledger tail --limit -3", 2, "--limit"),
        ("run list --since soon", 2, "--since 'soon' is no time"),
        ("ledger export --since soon", 2, "Write how long ago (90m, 12h"),
        ("policy replay {folder}/p.yaml --since soon", 2, "Write how long ago (90m, 12h"),
        ("key create ci --expires soon", 2, "Write for how long (12h, 30d"),
        ("tool show agents.suport", 1, "Did you mean agents.support?"),
        ("ask hello --agent suport", 1, "Did you mean 'support'?"),
        ("backend add X -- y --json", 2, "toolward: 'X' is no name"),
        ("client print curser", 1, "Did you mean cursor?"),
        ("policy explain local run.strat --operation", 2, "did you mean run.start?"),
        ("policy explain nobody agents.support", 2, "Use one of local"),
        ('policy explain local agents.support {{"input":"x"}} --agent suport', 1, "no agent 'suport'"),
    ],
)
def test_what_is_mistyped_is_told_with_what_may_be_meant(
    words: str, code: int, said: str, shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    found = shell.says(words, capsys)
    assert (found.code, found.out) == (code, "")
    assert said in found.err


@pytest.mark.parametrize("words", ["status", "tool list", "policy explain local run.start", "tool review"])
def test_the_gateway_of_another_home_is_a_matter_of_signing_in(
    words: str, shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    found = Shell(shell.config, tmp_path / "home").says(words, capsys, "--json")
    assert (found.code, json.loads(found.out)["error"]["code"]) == (4, "unauthenticated")


@pytest.mark.parametrize(
    "words", ["ledger tail", "key create ada", "backup {folder}/copy", "policy replay {folder}/closed.yaml"]
)
def test_what_policy_denies_has_an_exit_code_and_names_the_rule(
    words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "closed.yaml").write_text(
        "version: 1\nrules: [{id: closed, operations: ['*'], effect: deny}]\n"
    )
    config = tmp_path / "toolward.yaml"
    config.write_text(CONFIG.format(http=free_port(), grpc=free_port()) + "policies: [closed.yaml]\n")
    found = Shell(config, tmp_path / "home").says(words, capsys, "--json")
    error = json.loads(found.out)["error"]
    assert (found.code, error["code"], error["rule"]) == (3, "denied", "closed")
