"""`toolserver ./mine.py`, as a process."""

import subprocess
import sys
from pathlib import Path

import pytest

from toolward.client import connect

TOOLSERVER = str(Path(sys.executable).parent / "toolserver")
GREETER = '''
from words import HELLO
from toolward.kit import ToolServer

server = ToolServer("greeter")


@server.tool
async def greet(name: str) -> str:
    """Greet somebody."""
    return f"{HELLO}, {name}!"
'''


def said(path: Path) -> str:
    done = subprocess.run([TOOLSERVER, str(path)], capture_output=True, timeout=30, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.replace(str(path), "mine.py")


@pytest.mark.parametrize("ending", ["", "\nfrom toolward.kit.command import run\n\nrun(server)\n"])
async def test_a_file_is_served_and_finds_its_neighbours(tmp_path: Path, ending: str) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(GREETER + ending, encoding="utf-8")
    (tmp_path / "words.py").write_text('HELLO = "Hello"\n', encoding="utf-8")
    async with connect([TOOLSERVER, str(mine)]) as client:
        assert (await client.call("greet", {"name": "Ada"})).text == "Hello, Ada!"


def test_a_file_has_help_of_its_own(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(GREETER, encoding="utf-8")
    (tmp_path / "words.py").write_text('HELLO = "Hello"\n', encoding="utf-8")
    done = subprocess.run(
        [TOOLSERVER, str(mine), "--help"], capture_output=True, timeout=30, text=True, check=True
    )
    assert "Serve the tools of greeter." in done.stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("server = 1\n", "mine.py has no tool server."),
        ("x = (\n", "mine.py, line 1: '(' was never closed."),
        ("\nimport nonesuch_package\n", "mine.py, line 2 lacks the package nonesuch_package."),
        ("\n\n1 / 0\n", "mine.py, line 3 failed with ZeroDivisionError: division by zero."),
        (
            "from toolward.kit import ToolServer\na, b = ToolServer('a'), ToolServer('b')\n",
            "mine.py has several tool servers: a, b. Name the one to serve `server`.",
        ),
        (
            "from toolward.kit import ToolServer\ns = ToolServer('s')\n\n@s.tool(name='no good')\n"
            "async def f() -> str:\n    ''\n    return ''\n",
            "mine.py, line 4: 'no good' cannot be a tool's name",
        ),
    ],
)
def test_a_file_that_cannot_be_served_says_why(tmp_path: Path, text: str, expected: str) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(text, encoding="utf-8")
    assert said(mine).startswith(f"toolserver: {expected}")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert said(tmp_path / "mine.py") == (
        "toolserver: There is no file mine.py. Give the path of a Python file.\n"
    )
