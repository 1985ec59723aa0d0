"""The files server's tools as a whole: what callers give is checked, and what a model is sent stays small."""

import json
from pathlib import Path

import pytest

from tests.unit.files_calls import CALLER, call
from toolservers.files.settings import Settings
from toolservers.files.tools import server
from toolward.errors import InvalidArguments


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("read_file", {"pathh": "a"}, "did you mean 'path'"),
        ("read_file", {"path": "a", "column": 0}, "/column"),
        ("write_file", {"path": "a", "content": "", "mode": "replace"}, "/mode"),
        ("edit_file", {"path": "a", "edits": [{"old": "a"}]}, "/edits/0"),
    ],
)
async def test_arguments_are_checked(
    tmp_path: Path, tool: str, arguments: dict[str, object], said: str
) -> None:
    async with server.running(Settings(tmp_path / "root", state=tmp_path / "state")):
        with pytest.raises(InvalidArguments, match=said):
            await call(tool, **arguments)


async def test_the_tool_list_is_small() -> None:
    tools = (await server.list_tools(CALLER)).tools
    sent = [
        {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
        for tool in tools
    ]
    assert len(json.dumps(sent, ensure_ascii=False, separators=(",", ":"))) / 4 < 1500
