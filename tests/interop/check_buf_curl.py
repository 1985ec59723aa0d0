"""`buf curl` against all four servers: by reflection alone, without our protos."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from tests.interop.foreign import BUF, CALLS, Served, npm, npm_json, serving


@pytest.fixture(scope="module", params=sorted(CALLS))
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    with serving(request.param, tmp_path_factory.mktemp(request.param)) as served:
        yield served


def curl(served: Served, method: str, data: dict[str, Any]) -> list[str]:
    return [*CURL, "-d", json.dumps(data), f"{served.grpc}/toolward.v1.ToolService/{method}"]


CURL = ["buf", "curl", "--protocol", "grpc", "--http2-prior-knowledge"]


def test_it_lists_the_methods(served: Served) -> None:
    listed = npm(BUF, *CURL, "--list-methods", served.grpc).split()
    assert "toolward.v1.ToolService/CallTool" in listed
    assert "grpc.health.v1.Health/Check" in listed


def test_it_lists_the_tools(served: Served) -> None:
    listed = npm_json(BUF, *curl(served, "ListTools", {}))
    assert CALLS[served.name][0] in [tool["name"] for tool in listed["tools"]]


@pytest.mark.parametrize("method", ["CallTool", "CallToolStream"])
def test_it_calls_a_tool(served: Served, method: str) -> None:
    tool, arguments, word = CALLS[served.name]
    data = {"name": tool, "argumentsJson": json.dumps(arguments)}
    answer = npm_json(BUF, *curl(served, method, data))
    assert word in answer["result"]["content"][0]["text"]["text"]
