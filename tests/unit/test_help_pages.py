"""Every command as it is offered: its help page, its examples, what it takes."""

import shlex
import subprocess
import sys

import pytest
from cyclopts import App

from gateway.cli import make_app, pages
from gateway.cli.command_pages import made_pages, written

PAGES = pages.pages()
COMMANDS = sorted(name for name, page in PAGES.items() if not page["commands"])


@pytest.fixture(scope="module")
def app() -> App:
    return make_app()


def test_the_pages_are_those_of_the_commands_as_they_are() -> None:
    assert pages.FILE.read_text(encoding="utf-8") == written(made_pages()), "run: make help-pages"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_what_it_does_with_examples_that_can_be_run(command: str, app: App) -> None:
    page = PAGES[command]
    assert page["about"]
    assert page["examples"]
    assert "--json" in {name for option in page["options"] for name in option["names"]}
    assert all(option["help"] for option in page["options"])
    for example in page["examples"]:
        program, *words = shlex.split(example)
        assert program == "toolward"
        assert example.startswith(command)
        app.parse_args(words, exit_on_error=False, print_error=False)


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("", "toolward"),
        ("--help", "toolward"),
        ("--help --fast", "toolward"),
        ("help run list", "toolward run list"),
        ("run", "toolward run"),
        ("run --json", "toolward run"),
        ("run list -h", "toolward run list"),
        ("ask hello --json --help", "toolward ask"),
        ("run list", None),
        ("tool call a.b -- --help", None),
        ("run lst --help", None),
        ("nothing", None),
    ],
)
def test_help_is_given_where_it_is_asked_for(words: str, page: str | None) -> None:
    assert pages.asked(words.split()) == page


@pytest.mark.parametrize("width", [40, 80, 100])
def test_a_page_fits_the_terminal_but_for_what_is_to_be_copied(width: int) -> None:
    for name, page in PAGES.items():
        usage, *lines = pages.lines(name, page, width)
        assert name in usage
        copied = {f"  {line}" for line in page["examples"]}
        assert [line for line in lines if len(line) > max(width, 42) and line not in copied] == []


def test_help_loads_nothing_but_the_standard_library() -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, gateway.cli as cli\n"
            "sys.argv = ['toolward', 'run', 'list', '--help']\n"
            "try: cli.main()\n"
            "finally: print(*sorted({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names))",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.startswith("Usage: toolward run list [OPTIONS]")
    assert not {"cyclopts", "msgspec", "toolward", "pydantic", "sqlalchemy"} & set(
        said.splitlines()[-1].split()
    )
