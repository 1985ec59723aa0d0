"""Every block of code in README.md, CONTRIBUTING.md and docs/ is held by its language:

- `console`: what is typed (`$ …`) is run, in the order of the page, against one gateway; a page that
  has files (see below) has a folder and a home of its own. What is printed below is compared: `…` stands for
  anything, a line of its own for any lines.
- `sh`: its syntax is checked by a shell. It is for what needs the network, a terminal, or does not end.
- `yaml`: read by our own reader of what it is: a configuration, a policy, an agent, a decision table.
- `python`: run. `json`, `toml`: parsed. `text` and `markdown` are no code.
- A second word that names a file saves the block there first.
- `toolward …` in any of them, and in the text, is taken by the command line: it has those commands and options.
- What is not run has the comment `<!-- not run: why -->` above it, or a test of its page's own, which
is named below."""

import json
import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import pytest
from cyclopts import CycloptsError

from gateway.cli import make_app
from gateway.config.agents import load_agents
from gateway.config.parse import read_settings
from gateway.config.tables import load_table
from tests.docs.blocks import ROOT, Block, blocks_of, commands_of, ours, pages
from tests.e2e.command import BIN, Up, four_servers, toolward
from tests.policies import policy

BY_ITS_OWN = {
    "README.md": "tests/docs/test_readme.py",
    "docs/agents.md": "tests/docs/test_agents_page.py",
    "docs/crm.md": "tests/docs/test_crm_page.py",
    "docs/gateways.md": "tests/docs/test_gateways_page.py",
    "docs/grpc.md": "tests/docs/test_grpc_page.py",
    "docs/idempotency.md": "tests/unit/test_docs_idempotency.py",
    "docs/identity.md": "tests/docs/test_identity_page.py",
    "docs/configuration.md": "tests/docs/test_configuration.py",
    "docs/openai-clients.md": "tests/docs/test_openai_clients_page.py",
    "docs/policy.md": "tests/docs/test_policy_page.py",
    "docs/search.md": "tests/docs/test_search_page.py",
    "docs/trajectories.md": "tests/docs/test_trajectories_page.py",
    "docs/write-a-tool-server.md": "tests/docs/test_write_a_tool_server.py",
}
"""Pages whose blocks are run by a test of their own, which knows what they need; here only their form
is looked at."""
LANGUAGES = {"console", "sh", "yaml", "python", "py", "json", "toml", "text", "markdown"}
ALL = [block for page in pages() for block in blocks_of(page)]
HERE = [block for block in ALL if block.page not in BY_ITS_OWN and not block.not_run]
FOLLOWED = list(dict.fromkeys(block.page for block in HERE if block.language == "console"))
_REFUSAL = "toolward: "
"""How a line begins that says what went wrong: a page shows it, or it does not happen; no `…` stands for it."""
ANYTHING = {"API_KEY": "x", "ANTHROPIC_API_KEY": "x"}


def of(*languages: str) -> list[Block]:
    return [block for block in ALL if block.language in languages]


@pytest.mark.parametrize("page", pages())
def test_every_block_has_a_language_that_is_held(page: str) -> None:
    assert [str(block) for block in blocks_of(page) if block.language not in LANGUAGES] == []


@pytest.mark.parametrize("page", BY_ITS_OWN)
def test_a_page_with_a_test_of_its_own_is_read_by_it(page: str) -> None:
    assert Path(page).name in (ROOT / BY_ITS_OWN[page]).read_text(encoding="utf-8")


@pytest.mark.parametrize("block", of("json", "toml"), ids=str)
def test_data_can_be_parsed(block: Block) -> None:
    if block.language == "toml":
        tomllib.loads(block.text)
    else:
        json.loads(block.text)


@pytest.mark.parametrize("block", of("sh"), ids=str)
def test_a_shell_takes_it(block: Block) -> None:
    done = subprocess.run(["sh", "-n"], input=block.text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", of("python", "py"), ids=str)
def test_python_can_be_compiled_and_run(block: Block) -> None:
    compiled = compile(block.text, str(block), "exec", dont_inherit=True)
    if block in HERE:
        exec(compiled, {"__name__": "shown"})


@pytest.mark.parametrize("block", [block for block in of("yaml") if block in HERE], ids=str)
def test_yaml_is_what_our_readers_take(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "shown.yaml"
    file.write_text(block.text, encoding="utf-8")
    for name in re.findall(r"[\w./-]+\.(?:yaml|json|md|pem)", block.text):  # what it names is there
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        content = '{"mcpServers": {}}' if name.endswith(".json") else "version: 1\nrules: []\n"
        (tmp_path / name).write_text(content)
    if re.search(r"^cases:", block.text, re.MULTILINE):
        load_table(file)
    elif re.search(r"^rules:", block.text, re.MULTILINE):
        policy(block.text)
    elif re.search(r"^instructions", block.text, re.MULTILINE):
        load_agents([file])
    else:
        text = block.text if block.text.startswith("version:") else f"version: 1\n{block.text}"
        file.write_text(text, encoding="utf-8")
        read_settings(file, ANYTHING)


def typed(page: str) -> list[list[str]]:
    """Every `toolward …` of a page: in its blocks, and in `code` of its text where it has a command's words."""
    text = (ROOT / page).read_text(encoding="utf-8")
    # Not those with what may be left out in brackets, as a usage has it.
    spans = re.findall(
        r"(?<!`)`((?:\S*/)?toolward [a-z][^`\n\[]*)`(?!`)", re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    )
    shells = [block.text for block in blocks_of(page) if block.language in ("console", "sh")]
    found = [words for shell in shells for words in ours(shell)] + [
        words for span in spans for words in ours(span)
    ]
    return [words[1:] for words in found if words[0] == "toolward"]


@pytest.mark.parametrize("page", [page for page in pages() if typed(page)])
def test_the_command_line_knows_every_command_that_is_shown(page: str) -> None:
    app, wrong = make_app(), list[str]()
    for words in typed(page):
        whole = ["1" if re.fullmatch(r"[A-Z]+", word) else word for word in words if word != "…"]
        try:
            app.parse_args(whole, exit_on_error=False, print_error=False)
        except CycloptsError as error:
            # In a sentence a command is named without what it needs: `toolward inbox approve`.
            if type(error).__name__ != "MissingArgumentError":
                wrong.append(f"toolward {' '.join(words)}: {error}")
    assert wrong == []


class House(NamedTuple):
    config: Path
    home: Path


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    """A gateway that is up, with the four servers, for all pages."""
    folder = tmp_path_factory.mktemp("house")
    (folder / "policies").symlink_to(ROOT / "policies")
    config = four_servers(folder)
    up = Up(folder / "home", config)
    try:
        yield House(config, folder / "home")
    finally:
        up.stop()


@pytest.mark.parametrize("page", FOLLOWED)
def test_a_page_that_is_followed_prints_what_it_shows(page: str, house: House, tmp_path: Path) -> None:
    own = any(block.file for block in blocks_of(page))
    for block in blocks_of(page):
        if block.file:
            (tmp_path / block.file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
        if block.language != "console" or block.not_run:
            continue
        for command in commands_of(block):
            printed = _run(command.typed, tmp_path, None if own else house)
            if command.prints:
                alike = any(_same(command.prints, text) for text in printed)
                assert alike, f"{block}: {command.typed}\n{printed[0]}"
            if not any(line.startswith(_REFUSAL) for line in command.prints):
                assert not re.search(f"^{_REFUSAL}", printed[0], re.MULTILINE), f"{block}: {printed[0]}"


def _run(command: str, folder: Path, house: House | None) -> tuple[str, str]:
    """Standard error with output, and the other way round: on a terminal they come in either order."""
    words = shlex.split(command, comments=True)
    if words[0] == "toolward":
        done = (
            toolward(house.home, *words[1:], TOOLWARD_CONFIG=str(house.config))
            if house
            else toolward(folder / "home", *words[1:], PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}")
        )
        err, out = done.err, done.out
    else:
        line = [str(BIN / words[0]), *words[1:]]
        ended = subprocess.run(
            line,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        err, out = ended.stderr, ended.stdout
    err = re.sub(r"^\w+: seen for the first time.*\n", "", err, flags=re.MULTILINE)
    return err + out, out + err


def _same(shown: list[str], printed: str) -> bool:
    """Cells are apart by tabs in a pipe and aligned on a terminal, which also has a header: neither counts."""
    lines = [line for line in map(_plain, printed.splitlines()) if line]
    pattern = "".join(
        r"(?:.*\n)*" if line == "…" else f"{_pattern(line)}\\n" for line in map(_plain, shown) if line
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None


def _plain(line: str) -> str:
    return "" if re.match(r"[A-Z]{3,}(\s+[A-Z]+)*$", line.strip()) else " ".join(line.split())


def _pattern(line: str) -> str:
    return ".*".join(map(re.escape, line.split("…")))
