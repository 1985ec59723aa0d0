"""The page about the CRM, followed: each example works in a new world, in the order of the page."""

import json
import re
import sys
from pathlib import Path

import msgspec

from tests.e2e.command import free_port, toolward
from toolservers.crm.tools import Settings, server
from toolward.types import NO_CONTEXT, Principal, ToolCall

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "crm.md").read_text(encoding="utf-8")
LEAD = Principal("lea", ("support", "support-lead"))
EXAMPLES = re.findall(r"^### `(\w+)`\n.*?^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


async def test_each_tool_has_an_example_that_works(tmp_path: Path) -> None:
    named = [tool.name for tool in (await server.list_tools(LEAD)).tools]
    assert sorted(name for name, _ in EXAMPLES) == sorted(named)
    async with server.running(Settings(tmp_path / "crm.db")):
        for name, arguments in EXAMPLES:
            done = await server.call_tool(LEAD, ToolCall(name, arguments.encode()), NO_CONTEXT)
            assert not done.is_error, f"{name}: {done.text}"


async def test_what_is_shown_of_admin_tools_works(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```json admin\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    operator = Principal("op", ("operator",))
    async with server.running(Settings(tmp_path / "crm.db", admin=True)):
        offered = {tool.name for tool in (await server.list_tools(operator)).tools}
        assert {name for name in offered if f"`{name}`" not in PAGE} == set()
        for name, arguments in json.loads(block):
            done = await server.call_tool(
                operator, ToolCall(name, json.dumps(arguments).encode()), NO_CONTEXT
            )
            assert not done.is_error, f"{name}: {done.text}"


def test_the_first_screen_shows_what_it_says(tmp_path: Path) -> None:
    block, *_ = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    calls = re.findall(r"^\$ toolward tool call (\S+) '(.*)'$", block, re.MULTILINE)
    assert len(calls) == 2
    config = tmp_path / "one.yaml"
    command = json.dumps([sys.executable, "-m", "toolservers.crm"])
    database = json.dumps({"TOOLWARD_CRM_DATABASE": str(tmp_path / "crm.db")})
    config.write_text(
        f"version: 1\ngrpc: 127.0.0.1:{free_port()}\nbackends:\n  crm: {{command: {command}, env: {database}}}\n"
    )
    for name, arguments in calls:
        done = toolward(
            tmp_path / "home", "tool", "call", name, arguments, "--json", TOOLWARD_CONFIG=str(config)
        )
        assert done.code == 0, done.err
        found = msgspec.json.decode(done.out)
        said = found.get("structured") or found
        assert "ORD-1017" in json.dumps(said)
