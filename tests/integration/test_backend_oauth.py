"""Backends that take only the tokens of an authorization server, over HTTP and gRPC."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from gateway.backends.pool import Backends
from gateway.core.spec import GrpcSpec, HttpSpec, OAuthSpec, Spec
from tests.integration.scripted_tools import ADA, Tools, failing
from tests.integration.test_backends import QUICK, listing, until
from tests.integration.token_server import ID, SECRET, Authority, authority, jwt
from toolward.auth.subject_tokens import SubjectTokens
from toolward.doors.address import parse_address
from toolward.doors.grpc import serve_grpc
from toolward.doors.mcp_http import McpHttpDoor
from toolward.doors.origin import Origins
from toolward.doors.serve import http_server
from toolward.errors import ToolwardError, Unauthenticated, Unavailable
from toolward.types import (
    CallContext,
    Headers,
    Outcome,
    Principal,
    ServerInfo,
    Tool,
    ToolCall,
    ToolPage,
    text_result,
)

TRANSPORTS = ["http", "grpc"]
BO = Principal("bo")


class Resource:
    """A tool server that takes what `authority` gave and nobody has revoked; it answers with whose the token is."""

    def __init__(self, server: Authority) -> None:
        self.authority = server
        self.revoked: set[str] = set()
        self.seen: list[Headers] = []
        self.calls = 0
        self.tools = Tools()
        self.tools.pages = {None: ToolPage((Tool("any"),))}
        self.tools.behaviour = self._answer

    def authenticate(self, headers: Headers) -> Principal:
        self.seen.append(headers)
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.authority.given or token in self.revoked:
            raise Unauthenticated("The token is not known here.")
        return Principal(token.rpartition("-")[0])

    async def _answer(self, principal: Principal, call: ToolCall, context: CallContext) -> Outcome:
        self.calls += 1
        return text_result(principal.id)


class House:
    def __init__(self, pool: Backends, resource: Resource, subjects: SubjectTokens) -> None:
        self.pool, self.resource, self.authority = pool, resource, resource.authority
        self.subjects = subjects

    async def call(self, principal: Principal = ADA, on_behalf_of: str = "") -> str:
        context = CallContext(timeout=20, on_behalf_of=on_behalf_of)
        return (await self.pool.call("it", principal, ToolCall("any"), context)).text


@asynccontextmanager
async def house(
    folder: Path, transport: str, *, exchange: bool = False, dead: bool = False
) -> AsyncGenerator[House]:
    """With a `dead` token server it refuses us at first."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(authority())
        if dead:
            server.raw, server.status = b'{"error":"invalid_client"}', 401
        resource, subjects = Resource(server), SubjectTokens()
        oauth = OAuthSpec(token_url=server.url, client_id=ID, client_secret=SECRET, exchange=exchange)
        spec: Spec
        if transport == "http":
            door = McpHttpDoor(resource.tools, ServerInfo("it", "1"), resource.authenticate, Origins())
            stack.push_async_callback(door.aclose)
            port = await stack.enter_async_context(http_server(door, parse_address("127.0.0.1:0")))
            url = f"http://127.0.0.1:{port}/mcp"
            spec = HttpSpec(name="it", address=url, url=url, oauth=oauth)
        else:
            door = serve_grpc("127.0.0.1:0", resource.tools, resource.authenticate, name="it")
            at = (await stack.enter_async_context(door)).address
            spec = GrpcSpec(name="it", address=at, target=at, oauth=oauth)
        pool = Backends([spec], logs=folder / "logs", timing=QUICK, subjects=subjects)
        yield House(await stack.enter_async_context(pool), resource, subjects)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_backend_is_called_by_a_token_that_is_had_once(tmp_path: Path, transport: str) -> None:
    async with house(tmp_path, transport) as it:
        assert listing(it.pool, "it").problem == ""
        assert set(await asyncio.gather(*(it.call() for _ in range(20)))) == {"own"}
        assert it.authority.asked == 1


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_calls_are_their_callers_and_the_listing_is_ours(tmp_path: Path, transport: str) -> None:
    async with house(tmp_path, transport, exchange=True) as it:
        assert [tool.name for tool in listing(it.pool, "it").tools] == ["any"]
        it.authority.subjects = {"adas", "bos"}
        it.subjects.keep(ADA, jwt("adas"))
        it.subjects.keep(BO, jwt("bos"))
        found = await asyncio.gather(*(it.call(one) for one in (ADA, BO) * 5))
        assert found == ["for-adas", "for-bos"] * 5
        for nobody in (Principal("local"), Principal("gateway"), Principal("ada", tenant="other")):
            error = await failing(it.call(nobody))
            assert isinstance(error, Unauthenticated)
            assert "a token of the identity provider" in error.message
        assert it.resource.calls == 10
        assert await it.call(ADA) == "for-adas"  # others' troubles are none of the backend's


async def test_HTTP_401_proves_that_nothing_was_done_so_the_call_is_made_again_with_a_new_token(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, "http") as it:
        await it.call()
        it.resource.revoked = set(it.authority.given)
        assert set(await asyncio.gather(*(it.call() for _ in range(10)))) == {"own"}
        assert it.authority.asked == 2


async def test_grpc_does_not_prove_that_so_the_call_fails_as_one_that_may_be_repeated(tmp_path: Path) -> None:
    async with house(tmp_path, "grpc") as it:
        await it.call()
        it.resource.revoked = set(it.authority.given)
        error = await failing(it.call())
        assert (type(error).__mro__[1], error.answered) == (Unavailable, False)
        assert "refused our access token" in error.message
        assert await it.call() == "own"
        assert it.authority.asked == 2


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_backend_that_takes_no_token_does_not_make_us_ask_for_more_and_more(
    tmp_path: Path, transport: str
) -> None:
    async with house(tmp_path, transport) as it:
        await it.call()

        class Everything(set[str]):
            def __contains__(self, one: object) -> bool:
                return True

        it.resource.revoked = Everything()
        for _ in range(10):
            await failing(it.call())
        assert it.authority.asked <= 3  # one of them for a connection that was made anew


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_dead_token_server_is_told_with_its_reason_and_the_backend_lives_when_it_does(
    tmp_path: Path, transport: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolward.outbound.kept_token.COOLDOWN", 0.1)
    async with house(tmp_path, transport, dead=True) as it:
        problem = listing(it.pool, "it").problem
        assert "cannot be had from http://127.0.0.1" in problem
        assert "it refuses (invalid_client)" in problem
        error = await failing(it.call())
        assert isinstance(error, Unavailable)
        assert "(invalid_client)" in error.message
        it.authority.raw = None
        await until(it.pool, lambda: not listing(it.pool, "it").problem)
        assert await it.call() == "own"
        it.authority.raw = b"gone"
        it.resource.revoked = set(it.authority.given)
        errors = [await failing(it.call()) for _ in range(3)]
        assert "HTTP 401" in errors[-1].message
        assert SECRET not in f"{errors}{caplog.text}{problem}"
        it.authority.raw = None
        assert await _in_the_end(it) == "own"


async def _in_the_end(it: House) -> str:
    async with asyncio.timeout(30):
        while True:
            try:
                return await it.call()
            except ToolwardError as error:
                await asyncio.sleep(error.retry_after or 0.05)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_nothing_of_a_caller_reaches_a_backend_but_the_call(tmp_path: Path, transport: str) -> None:
    async with house(tmp_path, transport, exchange=True) as it:
        it.authority.subjects = {"adas-own-token"}
        it.subjects.keep(ADA, jwt("adas-own-token"))
        it.resource.seen.clear()
        await it.call(ADA, on_behalf_of="a caller's own word")
        said = [f"{name}: {value}" for headers in it.resource.seen for name, value in headers.items()]
        assert "authorization: Bearer for-adas-own-token-2" in said
        assert not any(jwt("adas-own-token") in one for one in said)
        assert not any("own word" in one for one in said)
        usual = {
            "host", "content-length", "content-type", "accept", "authorization", "mcp-protocol-version",
            "mcp-method", "mcp-name", "user-agent", "grpc-accept-encoding", "te", "accept-encoding",
        }  # fmt: skip
        assert {one.partition(":")[0] for one in said} <= usual
