"""The page that newcomers follow, followed."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.integration.test_backends import free_port
from toolward.client import connect

PAGE = Path(__file__).parents[2] / "docs" / "write-a-tool-server.md"
BIN = Path(sys.executable).parent
ENVIRONMENT = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


class Page(NamedTuple):
    server: str
    serve: str
    desktop: str
    ask: str
    prints: str


@pytest.fixture
def page(tmp_path: Path) -> Page:
    """Its blocks in their order, with ports that are free, and its two files saved."""
    text = PAGE.read_text(encoding="utf-8")
    for port in ("8790", "8791"):
        text = text.replace(port, str(free_port()))
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert [kind for kind, _ in blocks] == ["python", "sh", "json", "python", "text"]
    page = Page(*(block for _, block in blocks))
    (tmp_path / "stock.py").write_text(page.server, encoding="utf-8")
    (tmp_path / "ask.py").write_text(page.ask, encoding="utf-8")
    return page


@contextmanager
def running(command: str, folder: Path) -> Generator[None, None, None]:
    process = subprocess.Popen(
        shlex.split(command), cwd=folder, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        assert "MCP at http" in process.stderr.readline()  # its doors are open
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_the_server_is_short(page: Page) -> None:
    assert len(page.server.splitlines()) < 25


def test_the_same_answers_come_from_three_doors(page: Page, tmp_path: Path) -> None:
    with running(page.serve, tmp_path):
        done = subprocess.run(
            [sys.executable, "ask.py"],
            cwd=tmp_path,
            env=ENVIRONMENT,
            capture_output=True,
            timeout=60,
            text=True,
            check=True,
        )
    assert done.stdout == page.prints * 3


async def test_a_desktop_client_can_start_it(page: Page, tmp_path: Path) -> None:
    server = json.loads(page.desktop)["mcpServers"]["stock"]
    command = [str(BIN / server["command"]), *server["args"]]
    async with connect(command, cwd=tmp_path) as client:
        assert [tool.name for tool in await client.list_tools()] == ["look_up"]
