"""An API key at every door: what it opens, what scopes narrow it to, and that it opens nothing once it is over."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from gateway.bootstrap import Gateway, open_doors, open_gateway, secret_file
from gateway.config.keys import change_keys, keys_file
from gateway.config.parse import read_settings
from tests.contract.drivers import Driver, McpHttpDriver, RestDriver, grpc_driver
from tests.contract.test_gateway_doors import write_config
from toolward.auth.api_keys import ApiKey, mint
from toolward.client.grpc import GrpcClient
from toolward.doors.serve import Opened
from toolward.errors import ToolwardError, Unauthenticated
from toolward.types import Principal

DOORS = ["grpc", "rest", "http legacy", "http modern"]
IN_TIME = 30.0  # seconds; nothing here waits for it where the code is right
NOW = datetime.now(UTC)
NOBODY = Principal("")
ADD = b'{"a":1,"b":2}'
WIDE, NARROW, EXPIRED, REVOKED, DYING = (mint() for _ in range(5))
ENTRY = ApiKey(
    prefix=WIDE.prefix, sha256=WIDE.sha256, owner="ci", roles=("operator",), created=NOW - timedelta(days=2)
)


def keys() -> list[ApiKey]:
    def of(minted: Any, **fields: Any) -> ApiKey:
        return replace(ENTRY, prefix=minted.prefix, sha256=minted.sha256, **fields)

    return [
        ENTRY,
        of(NARROW, scopes=("fixture.a*", "request.read")),
        of(EXPIRED, expires=NOW - timedelta(days=1)),
        of(REVOKED, revoked=NOW - timedelta(days=1)),
        of(DYING),
    ]


class House:
    def __init__(self, gateway: Gateway, at: Opened, client: httpx.AsyncClient) -> None:
        self.gateway, self.at, self.client = gateway, at, client
        self._changed = asyncio.Event()
        gateway.keys.on_change(self._changed.set)

    async def after(self, change: Callable[[], object]) -> None:
        """Make a change of the keys' file, and wait until the gateway has seen it."""
        self._changed.clear()
        change()
        async with asyncio.timeout(IN_TIME):
            await self._changed.wait()

    @asynccontextmanager
    async def at_door(self, door: str, token: str) -> AsyncGenerator[Driver]:
        if door == "grpc":
            async with grpc_driver(str(self.at.grpc), token) as driver:
                yield driver
        elif door == "rest":
            yield RestDriver(self.client, token)
        else:
            yield McpHttpDriver(self.client, token, modern=door == "http modern")

    async def refused(self, door: str, token: str) -> str:
        """What the door says to a token that it refuses."""
        headers = {"authorization": f"Bearer {token}"}
        if door == "grpc":
            async with GrpcClient(str(self.at.grpc), token) as client:
                with pytest.raises(ToolwardError) as refused:
                    await client.list_tools(NOBODY)
                assert refused.value.code == "unauthenticated"
                return refused.value.message
        if door == "rest":
            answer = await self.client.get("/v1/tools", headers=headers)
        else:
            answer = await self.client.post("/mcp", json={"jsonrpc": "2.0", "id": 1}, headers=headers)
        assert answer.status_code == 401
        return answer.text


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[House]:
    folder = tmp_path_factory.mktemp("keys")
    config, home = write_config(folder), folder / "home"
    change_keys(home, lambda _: keys())
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(open_gateway(read_settings(config), home, environment={}))
        at = await stack.enter_async_context(open_doors(gateway))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=f"http://{at.http}", timeout=30))
        async with asyncio.timeout(IN_TIME):  # on a machine that is busy the backend answers later
            changes = gateway.dispatch.watch()
            while gateway.dispatch.catalog.backends["fixture"].problem:
                await anext(changes)
        yield House(gateway, at, client)


@pytest.fixture
async def stack() -> AsyncGenerator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.mark.parametrize("door", DOORS)
async def test_a_key_does_what_policy_gives_its_owner_and_scopes_narrow_it(house: House, door: str) -> None:
    async with house.at_door(door, WIDE.text) as wide, house.at_door(door, NARROW.text) as narrow:
        told = await wide.call("fixture.add", ADD)
        assert told.code == "ok", told
        names = await wide.names()
        assert "fixture.echo" in names
        assert await narrow.names() == [name for name in names if name.startswith("fixture.a")]
        assert (await narrow.call("fixture.add", ADD)).code == "ok"
        outside, nowhere = [await narrow.call(name, b"{}") for name in ("fixture.echo", "fixture.xcho")]
        assert outside.code == nowhere.code == "unknown_tool"


@pytest.mark.parametrize("door", DOORS)
async def test_a_key_that_is_over_or_unknown_is_refused(house: House, door: str) -> None:
    assert f"{EXPIRED.prefix} expired at" in await house.refused(door, EXPIRED.text)
    assert f"{REVOKED.prefix} was revoked" in await house.refused(door, REVOKED.text)
    assert "is not known here" in await house.refused(door, mint().text)
    last = "1" if WIDE.text.endswith("0") else "0"
    assert "is not known here" in await house.refused(door, f"{WIDE.text[:-1]}{last}")


async def test_operations_outside_its_scopes_are_denied_to_a_key(house: House) -> None:
    headers = {"authorization": f"Bearer {NARROW.text}"}
    denied = await house.client.post("/v1/runs", json={"agent": "x", "input": "y"}, headers=headers)
    assert denied.status_code in (403, 404)  # an agent that may not be started is not there
    assert (await house.client.get("/v1/status", headers=headers)).json()["rule"] == "caller:scopes"
    assert (await house.client.get("/metrics", headers=headers)).status_code == 403
    assert (await house.client.get("/metrics", headers={"authorization": f"Bearer {WIDE.text}"})).is_success


async def test_a_key_that_is_revoked_is_refused_from_then_on_at_every_door(
    house: House, stack: AsyncExitStack
) -> None:
    for door in DOORS:
        async with house.at_door(door, DYING.text) as driver:
            assert (await driver.call("fixture.add", ADD)).code == "ok"
    client = await stack.enter_async_context(GrpcClient(str(house.at.grpc), DYING.text))
    changes = client.watch()
    await anext(changes)
    gone = [replace(key, revoked=NOW) if key.prefix == DYING.prefix else key for key in keys()]
    await house.after(lambda: change_keys(house.gateway.home, lambda _: gone))
    for door in DOORS:
        assert f"{DYING.prefix} was revoked" in await house.refused(door, DYING.text)
    tools = house.gateway.dispatch
    tools.replace(tools.catalog, tools.policy)
    with pytest.raises(Unauthenticated):
        await anext(changes)


async def test_a_damaged_file_refuses_every_key_and_nobody_else(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    path = keys_file(house.gateway.home)
    whole = path.read_bytes()
    secret, key = secret_file(house.gateway.home).read_text(), WIDE.text

    async def status(token: str) -> int:
        return (await house.client.get("/v1/tools", headers={"authorization": f"Bearer {token}"})).status_code

    with caplog.at_level(logging.ERROR):
        await house.after(lambda: path.write_bytes(whole[:-20]))
    assert "no API key is taken: " in caplog.text
    assert "keys.json cannot be used" in house.gateway.keys.status()["problem"]
    assert (await status(key), await status(secret)) == (503, 200)
    assert house.gateway.keys.holder(WIDE.prefix) is None
    await house.after(lambda: path.write_bytes(whole))
    assert house.gateway.keys.status() == {"count": 5, "problem": ""}
    assert await status(key) == 200
    await house.after(lambda: path.chmod(0o644))
    assert await status(key) == 503
    await house.after(lambda: path.chmod(0o600))
    assert await status(key) == 200
