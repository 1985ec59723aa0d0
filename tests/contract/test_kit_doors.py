"""A tool server answers the same at every door."""

import json
import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.cases import CASES, Case, check
from tests.contract.drivers import FIXTURE, Driver, McpHttpDriver, ProviderDriver, grpc_driver, stdio_driver
from tests.servers.fixture import server
from toolward.auth import bearer
from toolward.doors.address import parse_address
from toolward.doors.grpc import serve_grpc
from toolward.doors.mcp_http import McpHttpDoor
from toolward.doors.origin import Origins
from toolward.doors.serve import http_server
from toolward.types import Principal

DOORS = ["memory", "grpc", "http legacy", "http modern", "stdio legacy", "stdio modern"]
Drivers = dict[str, Driver]


@pytest.fixture(scope="module")
async def drivers() -> AsyncGenerator[Drivers, None]:
    authenticate = bearer({"right": Principal("ada")})
    mcp = McpHttpDoor(server, server.info, authenticate, Origins())
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(server.running())
        port = await stack.enter_async_context(http_server(mcp, parse_address("127.0.0.1:0")))
        grpc = await stack.enter_async_context(
            serve_grpc("127.0.0.1:0", server, authenticate, name="fixture")
        )
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30)
        )
        stack.push_async_callback(mcp.aclose)
        made: Drivers = {
            "memory": ProviderDriver(server),
            "grpc": await stack.enter_async_context(grpc_driver(grpc.address, "right")),
            "http legacy": McpHttpDriver(client, "right", modern=False),
            "http modern": McpHttpDriver(client, "right", modern=True),
        }
        for era in ("legacy", "modern"):
            stdio = stdio_driver(FIXTURE, os.environ, modern=era == "modern")
            made[f"stdio {era}"] = await stack.enter_async_context(stdio)
        yield made


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
async def test_every_door_answers_alike(drivers: Drivers, door: str, case: Case) -> None:
    await check(drivers[door], case, case.tool)


@pytest.mark.parametrize("door", DOORS)
async def test_every_door_lists_the_same_tools(drivers: Drivers, door: str) -> None:
    assert await drivers[door].names() == await drivers["memory"].names()


@pytest.mark.parametrize("door", DOORS)
async def test_every_door_carries_every_kind_of_content(drivers: Drivers, door: str) -> None:
    told = await drivers[door].call("show", b"{}")
    assert told.kinds == ("text", "image", "resource")


@pytest.mark.parametrize("case", [case for case in CASES if case.code != "ok"], ids=lambda case: case.what)
async def test_errors_are_the_same_to_the_letter(drivers: Drivers, case: Case) -> None:
    said = {(await drivers[door].call(case.tool, case.arguments))[:2] for door in DOORS}
    assert len(said) == 1


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(value=json_values)
async def test_any_value_survives_every_door_exactly(drivers: Drivers, value: object) -> None:
    arguments = json.dumps({"value": value}).encode()
    for door in DOORS:
        told = await drivers[door].call("echo", arguments)
        assert (told.code, told.structured) == ("ok", {"value": value}), door
        assert json.loads(told.text) == {"value": value}, door
