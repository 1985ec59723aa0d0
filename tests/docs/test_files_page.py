"""The page about the files server, followed: each example works in a new folder, in the order of the page."""

import re
from pathlib import Path

from toolservers.files.paths.guards import Guards
from toolservers.files.paths.roots import MAX_PATH, Roots
from toolservers.files.resources import MAX_RESOURCE, URI
from toolservers.files.tools import Settings, server
from toolward.types import NO_CONTEXT, Principal, ToolCall

PAGE = (Path(__file__).parents[2] / "docs" / "files.md").read_text(encoding="utf-8")
CALLER = Principal("ada")
EXAMPLES = re.findall(r"^### `(\w+)`\n.*?^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
CHANGE = re.compile(r"\b[0-9a-f]{10}\b")


async def test_each_tool_has_an_example_that_works(tmp_path: Path) -> None:
    named = [tool.name for tool in (await server.list_tools(CALLER)).tools]
    assert sorted(name for name, _ in EXAMPLES) == sorted(named)
    change = ""
    async with server.running(Settings(root=tmp_path / "root", state=tmp_path / "state")):
        for name, arguments in EXAMPLES:
            call = ToolCall(name, arguments.replace("CHANGE", change).encode())
            done = await server.call_tool(CALLER, call, NO_CONTEXT)
            assert not done.is_error, f"{name}: {done.text}"
            change = found[0] if (found := CHANGE.search(done.text)) else change
    assert (tmp_path / "root/archive/last-year/today.md").read_text().splitlines()[2] == "- call Marta (done)"


def test_the_roots_file_that_is_shown_can_be_used(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    file = tmp_path / "config/roots.toml"
    file.parent.mkdir()
    file.write_text(text)
    roots = Roots.open(Settings(roots=file))
    try:
        assert [(root.name, root.writable, root.trusted) for root in roots.values()] == [
            ("notes", True, True),
            ("project", True, False),
        ]
        assert (roots["notes"].keep_bytes, roots["notes"].max_bytes) == (10**9, 50 * 10**9)
        assert not roots["project"].sees("customers/a.md")
    finally:
        roots.close()


def test_what_the_page_says_is_hidden_and_protected_is() -> None:
    guards = Guards.of()
    (hidden,), (protected,) = (
        re.findall(rf"^\| {word} \| (.*) \|$", PAGE, re.MULTILINE) for word in ("hidden", "protected")
    )
    for name in re.findall(r"`([^`]+)`", hidden):
        assert guards.hides(f"a/{name.replace('*', 'x')}"), name
    for name in re.findall(r"`([^`]+)`", protected):
        assert guards.protects(f"a/{name}"), name
        assert not guards.hides(f"a/{name}"), name


def test_the_limits_that_are_told_are_in_force() -> None:
    told = dict(re.findall(r"^\| ([a-z].*?) \| (.*?) \|$", PAGE, re.MULTILINE))
    assert told["a path"] == f"{MAX_PATH:,} characters"
    assert told["an MCP resource"] == f"{MAX_RESOURCE // 10**6} MB"
    assert f"`{URI}`" in PAGE
