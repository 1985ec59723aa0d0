"""Every tool is used while another process exchanges folders, links, hard links and pipes under its hands
(tests/servers/swapping.py): nothing outside the root is read, made, changed or waited for.

`make race` does it for 10 s with each way of opening; else it is TOOLWARD_RACE_SECONDS, or half a second.
"""

import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.unit.files_calls import CALLER, call
from tests.unit.files_maze import everything
from toolservers.files.paths.containment import Opener, openat2, walk
from toolservers.files.tools import Settings, server
from toolward.errors import InvalidRequest, OutcomeUnknown, Unavailable
from toolward.types import NO_CONTEXT, ImageContent, ToolResult

SECONDS = float(os.environ.get("TOOLWARD_RACE_SECONDS", "0.5"))
SECRET = "of-somebody-else"
"""Asked for by no call whole, so that no result that has it quotes the question."""
CHANGE = re.compile(r"\b[0-9a-f]{10}\b")
FILES = (
    *(
        "work/secret.txt",
        "work/inner/secret.txt",
        "near/secret.txt",
        "deep/er/outside/secret.txt",
        "deep/er/own.txt",
    ),
    *(
        "file.txt",
        "linked.txt",
        "piped.txt",
        "deep/secret.txt",
        "flickering.txt",
        "either",
        "either/secret.txt",
    ),
)
FOLDERS = ("work", "near", "near/inner", "deep", "deep/er", "deep/er/outside", "either", ".")


@pytest.fixture
def attacked(tmp_path: Path) -> Generator[tuple[Path, Path, "subprocess.Popen[str]"]]:
    """The root, what lies outside, and who exchanges things."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    (outside / "inner").mkdir(parents=True)
    root.mkdir()
    for name in ("secret.txt", "inner/secret.txt", f"{SECRET}.txt"):
        (outside / name).write_text(f"{SECRET}\n")
    command = [sys.executable, "-m", "tests.servers.swapping", str(root), str(outside)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as attacker:
        assert attacker.stdout is not None
        assert attacker.stdout.readline() == "ready\n"
        yield root, outside, attacker
        attacker.kill()


def exchanges(attacker: "subprocess.Popen[str]") -> int:
    assert attacker.stdin is not None
    assert attacker.stdout is not None
    attacker.stdin.write("\n")
    attacker.stdin.flush()
    return int(attacker.stdout.readline())


def reading(path: str, folder: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("read_file", {"path": path}),
        ("list_files", {"path": folder, "depth": 3}),
        ("search_text", {"path": folder, "query": "of-some"}),
        ("search_text", {"path": path, "query": "of-some"}),
        ("edit_file", {"path": path, "edits": [{"old": "of-somebody-x", "new": "x"}]}),
        ("edit_file", {"path": path, "edits": [{"old": "mine", "new": "ours"}], "dry_run": True}),
    ]


def changing(path: str, folder: str, number: int) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("write_file", {"path": f"{folder}/new/{number}.txt", "content": "x"}),
        ("write_file", {"path": path, "content": "more\n", "mode": "append"}),
        ("edit_file", {"path": path, "edits": [{"old": "mine", "new": "mine, too"}]}),
        ("copy_path", {"source": path, "target": f"{folder}/copy-{number}"}),
        ("copy_path", {"source": folder, "target": f"copies/{number}"}),
        ("move_path", {"source": path, "target": f"{folder}/moved-{number}"}),
        ("delete_path", {"path": path}),
    ]


def seen(result: ToolResult) -> str:
    pictures = [
        piece.data.decode(errors="replace") for piece in result.content if isinstance(piece, ImageContent)
    ]
    return result.text + (result.structured_json or b"").decode() + "".join(pictures)


async def use(tool: str, arguments: dict[str, Any]) -> ToolResult | None:
    """None where the server says by an error of its own that it did nothing. No call takes ten seconds."""
    with anyio.fail_after(10):
        try:
            result = await call(tool, **arguments)
        except (Unavailable, OutcomeUnknown):
            return None
    assert SECRET not in seen(result), (tool, arguments, result)
    return result


async def read_resource(path: str) -> None:
    assert server.resources is not None
    with suppress(InvalidRequest):
        (body,) = await server.resources.read_resource(CALLER, f"files://root/{path}", NO_CONTEXT)
        assert SECRET not in f"{body.text}{body.blob!r}", path


async def use_all(tools: dict[str, int]) -> None:
    """Every tool, with all paths, for SECONDS; those of their calls that went well are counted in `tools`."""
    end, number, any_of = time.monotonic() + SECONDS, 0, random.Random(9)
    while True:
        number += 1
        calls = changing(any_of.choice(FILES), any_of.choice(FOLDERS), number)
        for _ in range(3):
            await read_resource(any_of.choice(FILES))
            calls += reading(any_of.choice(FILES), any_of.choice(FOLDERS))
        for tool, arguments in calls:
            if tool not in tools or (result := await use(tool, arguments)) is None or result.is_error:
                continue
            tools[tool] += 1
            if change := CHANGE.search(result.text):
                undone = await use("undo_change", {"change": change[0]})
                tools["undo_change"] += undone is not None and not undone.is_error
        if time.monotonic() > end + 20 or (time.monotonic() > end and min(tools.values()) > 0):
            return


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="renameat2(RENAME_EXCHANGE) is Linux's")
@pytest.mark.parametrize("opener", [openat2, walk], ids=["openat2", "walk"])
async def test_nothing_outside_is_read_or_changed_whatever_is_exchanged_meanwhile(
    attacked: tuple[Path, Path, "subprocess.Popen[str]"], monkeypatch: pytest.MonkeyPatch, opener: Opener
) -> None:
    monkeypatch.setattr("toolservers.files.paths.root.best_opener", lambda _folder: opener)  # pyright: ignore
    root, outside, attacker = attacked
    before, names = everything(outside), sorted(outside.rglob("*"))
    tools = dict.fromkeys([tool.name for tool in (await server.list_tools(CALLER)).tools], 0)
    async with server.running(Settings(root=root, state=root.parent / "state")):
        await use_all(tools)
        made = exchanges(attacker)
    attacker.kill()
    attacker.wait()
    assert everything(outside) == before
    assert sorted(outside.rglob("*")) == names
    assert made > 100 * SECONDS
    assert min(tools.values()) > 0, tools
    print(f"{made} exchanges; calls that went well: {tools}")
