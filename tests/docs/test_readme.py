"""What the README shows is run, so that it stays true."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.config.parse import read_settings
from tests.e2e.command import toolward
from toolward.types import NO_CONTEXT, Principal, ToolCall

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


COMMANDS = [
    shlex.split(text)
    for text in re.findall(r"(?:^\$ |`)\.venv/bin/toolward ([^`\n]+)", README, re.MULTILINE)
    if text != "up"  # it runs until it is stopped: tests/e2e/test_up.py
]


def test_the_demos_output_is_what_the_demo_prints() -> None:
    command = [sys.executable, str(ROOT / "docs" / "readme_demo.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
def test_its_commands_work(tmp_path: Path, command: list[str]) -> None:
    done = toolward(tmp_path / "home", *command)
    assert done.code == 0, done.err


async def test_its_tool_is_a_tool() -> None:
    (code,) = blocks("python")
    names: dict[str, Any] = {}
    exec(code, names)
    server = names["server"]
    async with server.running():
        result = await server.call_tool(Principal("reader"), ToolCall("greet", b'{"name":"Ada"}'), NO_CONTEXT)
    assert result.text == "Hello, Ada!"


def test_its_configuration_is_read(tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "mine.yaml").write_text("version: 1\nrules: []\n")
    (tmp_path / "ada.token").write_text("a-token-of-ada")
    (tmp_path / "toolward.yaml").write_text(text)
    settings = read_settings(tmp_path / "toolward.yaml", {"CRM_TOKEN": "x", "API_KEY": "y"})
    assert [backend.name for backend in settings.backends] == ["calculator", "crm", "files"]


def test_its_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert all((ROOT / link).exists() for link in links)


def test_make_lists_every_target_that_it_names() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"make (test|check|demo)\b", README)) <= set(re.findall(r"make ([a-z-]+)", listed))
