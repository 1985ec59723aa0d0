"""What docs/idempotency.md shows works as it says."""

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from toolward.errors import Conflict, OutcomeUnknown
from toolward.kit import ToolServer
from toolward.types import NO_CONTEXT, Principal, ToolCall, ToolResult

PAGE = Path(__file__).parents[2] / "docs" / "idempotency.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def module(block: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    made = ModuleType("shown_in_the_docs")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    exec(compile(block, str(PAGE), "exec"), made.__dict__)
    return made


async def call(server: ToolServer[Any], tool: str, key: str, **arguments: Any) -> ToolResult:
    wish = ToolCall(tool, msgspec.json.encode(arguments), idempotency_key=key)
    return await server.call_tool(Principal("ada"), wish, NO_CONTEXT)


async def test_the_note_is_added_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = module(BLOCKS[0], monkeypatch)
    async with shown.server.running(shown.Settings(tmp_path / "notes.db")):
        first = await call(shown.server, "add_note", "k", text="one")
        assert await call(shown.server, "add_note", "k", text="one") == first
        assert first.structured == {"id": 1}
        with pytest.raises(Conflict):
            await call(shown.server, "add_note", "k", text="two")
        assert (await call(shown.server, "add_note", "", text="two")).structured == {"id": 2}


async def test_the_letter_is_sent_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = module(BLOCKS[1], monkeypatch)
    outbox = tmp_path / "outbox"
    letter = {"name": "to-bo", "text": "Dear Bo"}
    async with shown.server.running(shown.Settings(outbox)):
        first = await call(shown.server, "send", "k", **letter)
        assert await call(shown.server, "send", "k", **letter) == first
        assert (await call(shown.server, "send", "l", **letter)).is_error
    assert [path.name for path in outbox.iterdir()] == ["to-bo"]


@pytest.mark.parametrize(
    ("left", "gives"),
    [({"draft"}, "NotDone"), ({"to-bo"}, "dict"), (set[str](), "OutcomeUnknown")],
)
async def test_the_letters_evidence_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: set[str], gives: str
) -> None:
    shown = module(BLOCKS[1], monkeypatch)
    for name in left:
        (tmp_path / name).touch()
    try:
        found: object = await shown.Letter("draft", "to-bo").recover(tmp_path)
    except OutcomeUnknown as error:
        found = error
    assert type(found).__name__ == gives
    assert not (tmp_path / "draft").exists()


def test_every_block_is_run() -> None:
    assert len(BLOCKS) == 2
