"""Whose word a result is: said by the files server, carried over MCP, and believed by no gateway."""

from pathlib import Path

import msgspec
import pytest

from toolservers.files.paths.root import Root
from toolservers.files.paths.roots import Roots
from toolservers.files.settings import RootSpec
from toolservers.files.trust import marked
from toolward.client.mcp_calls import result_of
from toolward.errors import ToolError
from toolward.types import ToolCall, ToolResult, text_result
from toolward.wire import mcp as wire


def roots_of(tmp_path: Path, **trusted: bool) -> Roots:
    several = len(trusted) > 1
    return Roots(
        {
            name: Root(
                name,
                RootSpec(str(tmp_path / name), writable=True, trusted=is_so),
                prefix=f"{name}/" if several else "",
            )
            for name, is_so in trusted.items()
        }
    )


@pytest.mark.parametrize(
    ("trusted", "arguments", "label"),
    [
        ({"root": False}, {"path": "a"}, "untrusted"),
        ({"root": True}, {"path": "a"}, "trusted"),
        ({"root": True}, {"change": "1"}, "trusted"),
        ({"mine": True, "theirs": False}, {"path": "mine/a"}, "trusted"),
        ({"mine": True, "theirs": False}, {"path": "theirs/a"}, "untrusted"),
        ({"mine": True, "theirs": False}, {"source": "theirs/a", "target": "mine/a"}, "untrusted"),
        ({"mine": True, "theirs": False}, {"path": "."}, "untrusted"),
        ({"mine": True, "theirs": False}, {}, "untrusted"),
        ({"mine": True, "theirs": False}, {"change": "1"}, "untrusted"),
    ],
)
async def test_a_result_is_trusted_only_where_all_that_it_may_be_from_is(
    tmp_path: Path, trusted: dict[str, bool], arguments: dict[str, str], label: str
) -> None:
    roots = roots_of(tmp_path, **trusted)
    call = ToolCall("any", msgspec.json.encode(arguments))

    async def answers() -> ToolResult:
        return text_result("x")

    async def refuses() -> ToolResult:
        raise ToolError("the nearest region is: x")

    try:
        for made in (answers, refuses):
            result = await marked(roots, call, made)
            assert (result.trust, result.trust_said, result.is_error) == (label, True, made is refuses)
    finally:
        roots.close()


@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("trust", ["trusted", "untrusted"])
def test_the_word_goes_over_mcp_and_is_not_made_up(era: wire.Era, trust: str) -> None:
    call = ToolCall("any")
    said = msgspec.structs.replace(text_result("x"), trust=trust, trust_said=True)
    sent = wire.call_result(said, era)
    assert msgspec.json.decode(sent)["_meta"] == {"toolward/trust": trust}
    assert result_of(sent, call, "files") == said
    assert b"_meta" not in wire.call_result(text_result("x"), era)
    for other in (b'"certainly"', b"true", b"null"):
        got = result_of(b'{"content":[],"_meta":{"toolward/trust":%b}}' % other, call, "files")
        assert (got.trust, got.trust_said) == ("untrusted", False)
