"""Backends that take only the tokens of an authorization server, over HTTP and gRPC."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from gateway.backends.credentials import OAuthCredentials
from gateway.backends.pool import Backends
from gateway.bootstrap import open_doors, open_gateway
from gateway.core.spec import GrpcSpec, HttpSpec, OAuthSpec, Spec
from tests.integration.identity_provider import identity_provider
from tests.integration.scripted_tools import ADA, Tools, failing
from tests.integration.test_backends import QUICK, listing, until
from tests.integration.test_gateways import settings_in
from tests.integration.token_server import ID, SECRET, Authority, authority, jwt
from tests.servers.offering import server as offering
from toolward.auth.subject_tokens import SubjectTokens
from toolward.client.grpc import GrpcClient
from toolward.client.mcp import McpClient
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
    ToolResult,
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

    async def served(self, stack: AsyncExitStack, transport: str) -> str:
        """Its address."""
        if transport == "grpc":
            door = serve_grpc("127.0.0.1:0", self.tools, self.authenticate, name="it")
            return (await stack.enter_async_context(door)).address
        mcp = McpHttpDoor(self.tools, ServerInfo("it", "1"), self.authenticate, Origins())
        stack.push_async_callback(mcp.aclose)
        port = await stack.enter_async_context(http_server(mcp, parse_address("127.0.0.1:0")))
        return f"http://127.0.0.1:{port}/mcp"

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
        at = await resource.served(stack, transport)
        oauth = OAuthSpec(token_url=server.url, client_id=ID, client_secret=SECRET, exchange=exchange)
        spec: Spec = GrpcSpec(name="it", address=at, target=at, oauth=oauth)
        if transport == "http":
            spec = HttpSpec(name="it", address=at, url=at, oauth=oauth)
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


CONFIG = """
version: 1
http: 127.0.0.1:0
grpc: 127.0.0.1:0
backends:
  erp:
    url: "ERP"
    oauth: {token_url: "TOKENS", client_id: "CLIENT", client_secret: "${env:SECRET}", exchange: true}
policies: [policy.yaml]
identity: {providers: [{issuer: ISSUER, audience: toolward, prefix: "corp:"}]}
principals:
  - {id: ada, token: token-of-ada}
  - {id: local, roles: [operator]}
"""
POLICY = """
version: 1
rules: [{id: all, tools: ["*"], effect: allow}]
"""


async def test_who_signs_in_at_the_provider_is_known_at_the_backend_through_a_whole_gateway(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(authority())
        provider = await stack.enter_async_context(identity_provider())
        resource = Resource(server)
        at = await resource.served(stack, "http")
        text = CONFIG.replace("ERP", at).replace("TOKENS", server.url).replace("CLIENT", ID)
        settings = settings_in(tmp_path / "g", text.replace("ISSUER", provider.issuer), POLICY, SECRET=SECRET)
        gateway = await stack.enter_async_context(open_gateway(settings, tmp_path / "home", environment={}))
        doors = await stack.enter_async_context(open_doors(gateway))

        async def call(token: str) -> str:
            async with GrpcClient(str(doors.grpc), token) as client:
                told = await client.call_tool(BO, ToolCall("erp.any"), CallContext(timeout=20))
                assert isinstance(told, ToolResult)
                return told.text

        server.subjects = {"grace"}
        token = provider.token()
        assert await call(token) == "for-grace"
        assert server.forms[-1]["subject_token"] == token
        error = await failing(call("token-of-ada"))
        assert isinstance(error, Unauthenticated)
        assert "a token of the identity provider" in error.message
        grace = Principal("corp:grace")  # as in a run, long after she called
        told = await gateway.dispatch.call_tool(grace, ToolCall("erp.any"), CallContext(timeout=20))
        assert told == text_result("for-grace")
        assert not any(token in value for headers in resource.seen for value in headers.values())


async def test_in_callers_names_only_tools_are_passed_on(tmp_path: Path) -> None:
    """Resources and prompts would be read in ours."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(authority())
        resource = Resource(server)
        await stack.enter_async_context(offering.running())
        mcp = McpHttpDoor(offering, offering.info, resource.authenticate, Origins())
        stack.push_async_callback(mcp.aclose)
        port = await stack.enter_async_context(http_server(mcp, parse_address("127.0.0.1:0")))
        for exchange in (False, True):
            spec = OAuthSpec(token_url=server.url, client_id=ID, client_secret=SECRET, exchange=exchange)
            credentials = OAuthCredentials("it", spec, SubjectTokens())
            url = f"http://127.0.0.1:{port}/mcp"
            async with McpClient(url, name="it", credentials=credentials) as client:
                assert (client.resources is None, client.prompts is None) == (exchange, exchange)
                if client.resources is not None:
                    assert (await client.resources.list_resources(BO)).resources
            await credentials.aclose()
