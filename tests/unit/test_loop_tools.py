"""The loop's own tools: what a model may write to them, and what it is told when it wrote something else."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.agent.loop_tools import (
    CALL_TOOL,
    READ_LENGTH,
    READ_RESULT,
    Find,
    Read,
    asked_to_call,
    asked_to_find,
    asked_to_read,
    find_tools,
    part,
)
from gateway.core.ports import ToolUse
from gateway.core.tool_search import MOST, OFFERED
from toolward.errors import InvalidArguments, NotFound
from toolward.schema import Schema

_READERS = {"find_tools": asked_to_find, "call_tool": asked_to_call, "read_result": asked_to_read}


def use(name: str, arguments_json: str) -> ToolUse:
    return ToolUse("use_1", name, arguments_json)


def test_what_fits_is_read() -> None:
    assert asked_to_find(use("find_tools", '{"query": "refund"}')) == Find("refund", OFFERED)
    assert asked_to_find(use("find_tools", '{"query": "refund", "limit": 3}')) == Find("refund", 3)
    assert asked_to_read(use("read_result", '{"call_id": "call_1"}')) == Read("call_1", 0, READ_LENGTH)
    assert asked_to_read(use("read_result", '{"call_id": "c", "offset": 5, "length": 7}')) == Read("c", 5, 7)


@pytest.mark.parametrize(
    ("arguments", "passed_on"),
    [
        ('{"name": "crm__get", "arguments": {"n": 123456789012345678901234567890, "x": 5.0}}',
         '{"n": 123456789012345678901234567890, "x": 5.0}'),
        ('{"name": "crm__get", "arguments": "{\\"id\\": \\"é\\"}"}', '{"id": "é"}'),
        ('{"name": "crm__get", "arguments": ""}', "{}"),
        ('{"name": "crm__get", "arguments": null}', "{}"),
        ('{"name": "crm__get"}', "{}"),
    ],
)  # fmt: skip
def test_a_call_becomes_the_call_of_the_tool_that_it_names(arguments: str, passed_on: str) -> None:
    assert asked_to_call(use("call_tool", arguments)) == ToolUse("use_1", "crm__get", passed_on)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("find_tools", "", "missing required field `query`"),
        ("find_tools", "{", "truncated"),
        ("find_tools", '{"query": " "}', "its query is empty"),
        ("find_tools", '{"query": "a", "limit": 0}', f"its limit is 0, and must be 1 to {MOST}"),
        ("find_tools", '{"query": "a", "limit": "3"}', "expected `int`, got `str` - at `$.limit`"),
        ("find_tools", '{"q": "a"}', "unknown field `q`"),
        ("call_tool", '{"name": "crm__get", "record_id": "C-1"}', "unknown field `record_id`"),
        ("call_tool", '{"arguments": {}}', "missing required field `name`"),
        ("call_tool", '{"name": "find_tools", "arguments": {}}', "find_tools is called directly"),
        ("call_tool", '{"name": "a", "arguments": [1]}', "no JSON object"),
        ("call_tool", '{"name": "a", "arguments": "{x"}', "no JSON ("),
        ("read_result", '{"call_id": "c", "offset": -1}', "its offset is -1, and must be 0 or more"),
        ("read_result", '{"call_id": "c", "length": 20001}', f"must be 1 to {READ_LENGTH}"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(name: str, arguments: str, said: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        _READERS[name](use(name, arguments))
    assert said in caught.value.text
    assert f"The arguments of {name} do not fit" in caught.value.text
    assert "Write them like {" in caught.value.text


@given(
    st.sampled_from(sorted(_READERS)),
    st.text(max_size=40) | st.from_regex(r'\{"(name|query|call_id)": ".*', fullmatch=False),
)
def test_whatever_a_model_writes_is_read_or_refused(name: str, arguments: str) -> None:
    with suppress(InvalidArguments):
        _READERS[name](use(name, arguments))


def test_their_schemas_are_sound_and_say_what_is_read() -> None:
    servers = [f"s{at}" for at in range(100)]
    for tool in (find_tools(500, servers), CALL_TOOL, READ_RESULT):
        Schema(tool.input_schema, "input schema")
        assert tool.input_schema["required"][0] in tool.input_schema["properties"]
    said = find_tools(1_500, servers).description
    assert "There are 1,500 tools. They are of: s0, s1," in said
    assert said.endswith("s59, ….")
    assert len(msgspec.json.encode([find_tools(500), CALL_TOOL, READ_RESULT])) < 3_000


def test_the_parts_of_a_result_are_the_whole_in_their_order() -> None:
    text = "".join(map(str, range(3_000)))
    read, offset = "", 0
    while offset < len(text):
        head, _, body = part(text, Read("call_1", offset, 4_000)).partition("\n")
        read, offset = read + body, offset + len(body)
        assert f"of {len(text):,}" in head
        assert (f"The rest begins at offset {offset}." in head) is (offset < len(text))
    assert read == text


def test_behind_the_end_there_is_nothing() -> None:
    assert part("", Read("call_1")) == "[Characters 0 to 0 of 0. This is the end.]\n"
    with pytest.raises(NotFound, match="3 characters"):
        part("abc", Read("call_1", 3))
