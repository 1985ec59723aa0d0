import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from toolward.errors import Denied, UnknownTool
from toolward.types import ServerInfo, TextContent, Tool, ToolPage, ToolResult
from toolward.wire import mcp as wire


def request(**members: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call"} | members).encode()


def test_arguments_stay_the_bytes_that_came() -> None:
    raw = b'{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"t","arguments":{"n": 1.50}}}'
    message = wire.decode(raw)
    assert message.id == "a"
    assert bytes(message.params.arguments) == b'{"n": 1.50}'


def test_a_message_without_an_id_is_a_notification() -> None:
    assert wire.decode(b'{"jsonrpc":"2.0","method":"notifications/initialized"}').id is UNSET


@pytest.mark.parametrize(
    ("raw", "code", "id_"),
    [
        (b"{nope", wire.PARSE_ERROR, None),
        (b"\xff\xfe", wire.PARSE_ERROR, None),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "not read \xbd": 1}', wire.PARSE_ERROR, None),
        (b"[]", wire.INVALID_REQUEST, None),
        (b'{"jsonrpc":"1.0","id":3,"method":"ping"}', wire.INVALID_REQUEST, 3),
        (b'{"jsonrpc":"2.0","id":4,"result":{}}', wire.INVALID_REQUEST, 4),
        (b'{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":7}}', wire.INVALID_REQUEST, 5),
    ],
)
def test_what_is_no_request_is_told_with_its_id_where_there_is_one(
    raw: bytes, code: int, id_: int | None
) -> None:
    with pytest.raises(wire.Unreadable) as caught:
        wire.decode(raw)
    assert (caught.value.code, caught.value.id) == (code, id_)


@given(st.integers(100, 10_000), st.booleans())
def test_too_deep_arguments_are_found_whole_and_answered_by_id(depth: int, before: bool) -> None:
    deep = "[" * depth + "]" * depth
    params = f'"params":{{"name":"add","arguments":{{"a":{deep}}}}}'
    raw = (
        f'{{"jsonrpc":"2.0",{params},"id":9,"method":"tools/call"}}'
        if before
        else (f'{{"jsonrpc":"2.0","id":9,"method":"tools/call",{params}}}')
    )
    with pytest.raises(wire.Unreadable) as caught:
        wire.decode(raw.encode())
    assert caught.value.id == 9
    assert caught.value.refused is not None
    assert "arguments of add are nested more than 64" in caught.value.refused.text


def test_an_error_that_a_model_can_act_on_is_a_result() -> None:
    answer = json.loads(wire.failure(1, Denied("No.", rule="no-deletes"), "modern"))
    assert answer["result"]["isError"] is True
    assert answer["result"]["content"] == [{"type": "text", "text": "No."}]
    assert answer["result"]["_meta"]["toolward/error"] == {"code": "denied", "rule": "no-deletes"}


def test_an_unknown_tool_is_a_protocol_error() -> None:
    answer = json.loads(wire.failure(1, UnknownTool("No such tool."), "legacy"))
    assert answer["error"]["code"] == -32602


def test_structured_content_that_is_no_object_is_kept_from_older_eras() -> None:
    result = ToolResult((TextContent("[1]"),), b"[1]")
    assert json.loads(wire.call_result(result, "modern"))["structuredContent"] == [1]
    assert "structuredContent" not in json.loads(wire.call_result(result, "legacy"))


def test_structured_content_passes_byte_for_byte() -> None:
    raw = b'{"amount": 1.10, "big": 123456789012345678901234567890}'
    assert raw in wire.call_result(ToolResult((), raw), "modern")


def test_a_list_says_what_its_era_asks_for() -> None:
    page = ToolPage((Tool("t", output_schema={"type": "array"}),), "next")
    modern = json.loads(wire.list_result(page, "modern"))
    assert (modern["resultType"], modern["nextCursor"], "ttlMs" in modern) == ("complete", "next", True)
    legacy = json.loads(wire.list_result(page, "legacy"))
    assert "resultType" not in legacy
    assert "outputSchema" not in legacy["tools"][0]


@pytest.mark.parametrize(("asked", "answered"), [("2025-03-26", "2025-03-26"), ("1999-01-01", "2025-11-25")])
def test_the_handshake_agrees_on_a_version_that_both_speak(asked: str, answered: str) -> None:
    result = json.loads(wire.initialize_result(asked, ServerInfo("t", "1"), {"tools": {}}))
    assert result["protocolVersion"] == answered


@given(st.binary(max_size=200))
def test_no_bytes_at_all_do_more_than_be_unreadable(raw: bytes) -> None:
    with suppress(wire.Unreadable):
        wire.decode(raw)
