"""A gateway behind a gateway, over gRPC and over MCP: whose call it is, what travels with it, and where it ends."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.bootstrap import Gateway, local_person, open_doors, open_gateway
from gateway.config.parse import read_settings
from gateway.config.settings import Settings
from tests.integration.scripted_tools import failing
from tests.integration.served import free_port, there
from toolward.auth import bearer
from toolward.auth.on_behalf import OnBehalf
from toolward.client.grpc import GrpcClient
from toolward.client.mcp import McpClient
from toolward.doors.grpc import serve_grpc
from toolward.errors import ApprovalRequired, InvalidRequest, Overloaded, Unauthenticated
from toolward.names import alias
from toolward.types import (
    Answer,
    CallContext,
    Outcome,
    Principal,
    Tool,
    ToolCall,
    ToolPage,
    ToolProvider,
    text_result,
)

KEY = "a key that the two gateways share."
TRANSPORTS = ["grpc", "http"]
TRACE = "0af7651916cd43dd8448eb211c80319c"
GET = ToolCall("inner.crm.get_record")
REFUND = ToolCall("inner.crm.refund", b'{"amount":5}')

INNER = """
version: 1
lock: off
http: 127.0.0.1:0
grpc: 127.0.0.1:0
backends:
  crm: {grpc: "CRM", token: crm-token, facts: {"get_*": {changes: false}}}
policies: [policy.yaml]
principals:
  - {id: local, roles: [operator]}
  - {id: east, token: token-of-the-outer-gateway}
  - {id: ada, roles: [support], token: token-of-ada-at-the-inner-one}
gateways:
  - {id: east, key: "KEY", tenants: [acme], roles: [support]}
"""
INNER_POLICY = """
version: 1
rules:
  - {id: reads, principals: ["role:support"], tools: [crm.get_record, crm.get_news], effect: allow}
  - {id: rarely, principals: ["role:support"], tools: [crm.get_all], effect: allow, limits: {rate: 1/hour}}
  - {id: refunds, principals: ["role:support"], tools: [crm.refund], effect: ask, approvers: ["role:operator"]}
  - {id: inbox, principals: ["role:operator"], operations: ["request.*"], effect: allow}
"""
OUTER = """
version: 1
lock: off
http: 127.0.0.1:0
grpc: 127.0.0.1:0
backends:
  inner: {REACHED, token: token-of-the-outer-gateway, principal_key: "KEY"}
policies: [policy.yaml]
principals:
  - {id: local, roles: [operator]}
  - {id: ada, tenant: acme, roles: [support, operator], token: token-of-ada}
  - {id: bo, tenant: elsewhere, roles: [support], token: token-of-bo}
"""
OUTER_POLICY = """
version: 1
rules:
  - {id: inner, principals: ["role:support"], tools: ["inner.crm.*"], effect: allow}
  - {id: never, tools: ["inner.crm.get_secrets"], effect: deny}
"""


class Crm:
    """A tool server that notes what it is called with."""

    def __init__(self) -> None:
        self.tools = [Tool("get_all"), Tool("get_record"), Tool("get_secrets"), Tool("refund")]
        self.calls: list[tuple[ToolCall, CallContext]] = []
        self.headers: list[dict[str, str]] = []
        self._changed = asyncio.Event()

    def authenticate(self, headers: Any) -> Principal:
        self.headers.append(dict(headers))
        return bearer({"crm-token": Principal("inner")})(headers)

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        return ToolPage(tuple(self.tools))

    async def call_tool(self, principal: Principal, call: ToolCall, context: CallContext) -> Outcome:
        self.calls.append((call, context))
        return text_result("a record")

    async def watch(self) -> AsyncIterator[None]:
        while True:
            await self._changed.wait()
            self._changed.clear()
            yield

    def gets(self, tool: Tool) -> None:
        self.tools.append(tool)
        self._changed.set()


class House:
    def __init__(self, crm: Crm, inner: Gateway, at_inner: Any, outer: Gateway, at_outer: Any) -> None:
        self.crm, self.inner, self.at_inner = crm, inner, at_inner
        self.outer, self.at_outer = outer, at_outer

    @asynccontextmanager
    async def client(self, token: str, *, at: str = "outer") -> AsyncGenerator[ToolProvider]:
        where = self.at_outer if at == "outer" else self.at_inner
        async with GrpcClient(str(where.grpc), token) as client:
            yield client


def settings_in(folder: Path, text: str, policy: str, **environment: str) -> Settings:
    folder.mkdir()
    (folder / "policy.yaml").write_text(policy)
    (folder / "toolward.yaml").write_text(text.replace("KEY", KEY))
    return read_settings(folder / "toolward.yaml", environment)


async def opened(stack: AsyncExitStack, folder: Path, text: str, policy: str) -> tuple[Gateway, Any]:
    settings = settings_in(folder, text, policy)
    gateway = await stack.enter_async_context(open_gateway(settings, folder / "home", environment={}))
    return gateway, await stack.enter_async_context(open_doors(gateway))


@pytest.fixture(params=TRANSPORTS, scope="module")
async def opened_house(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncGenerator[House]:
    """Ada's call goes to the outer gateway, by it to the inner one, by that to the CRM."""
    tmp_path = tmp_path_factory.mktemp("gateways")
    async with AsyncExitStack() as stack:
        crm = Crm()
        door = await stack.enter_async_context(serve_grpc("127.0.0.1:0", crm, crm.authenticate, name="crm"))
        inner, at = await opened(stack, tmp_path / "inner", INNER.replace("CRM", door.address), INNER_POLICY)
        reached = f'grpc: "{at.grpc}"' if request.param == "grpc" else f'url: "http://{at.http}/mcp"'
        outer, at_outer = await opened(
            stack, tmp_path / "outer", OUTER.replace("REACHED", reached), OUTER_POLICY
        )
        assert outer.backends.listings()[0].problem == ""
        yield House(crm, inner, at, outer, at_outer)


@pytest.fixture
def house(opened_house: House) -> House:
    opened_house.crm.calls.clear()
    opened_house.crm.headers.clear()
    return opened_house


async def test_a_call_is_its_callers_at_both_gateways_and_all_that_belongs_to_it_arrives(
    house: House,
) -> None:
    async with house.client("token-of-ada") as ada:
        sent = CallContext(timeout=20, traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
        keyed = ToolCall(GET.name, b'{"id":"7"}', idempotency_key="once")
        for _ in range(2):
            assert await ada.call_tool(Principal(""), keyed, sent) == text_result("a record")
        assert await ada.call_tool(Principal(""), ToolCall(alias(GET.name)), sent) == text_result("a record")
    (first, context), (second, _), (third, _) = house.crm.calls
    assert (first.name, first.arguments_json) == ("get_record", b'{"id":"7"}')
    assert first.idempotency_key == second.idempotency_key != third.idempotency_key == ""
    assert context.hops == 2
    assert context.traceparent.split("-")[1] == TRACE
    assert context.timeout is not None
    assert 0 < context.timeout < 21  # gRPC rounds up
    record = (await house.inner.ledger.call_record(first.call_id)).record
    assert (record.principal, record.tenant, record.roles) == ("ada", "acme", ("support",))
    assert (record.tool, record.rule, record.trace_id) == ("crm.get_record", "reads", TRACE)


async def test_the_inner_gateways_limits_hold_and_who_calls_is_told(house: House) -> None:
    async with house.client("token-of-ada") as ada:
        call, context = ToolCall("inner.crm.get_all"), CallContext(timeout=20)
        assert await ada.call_tool(Principal(""), call, context) == text_result("a record")
        error = await failing(ada.call_tool(Principal(""), call, context))
        assert isinstance(error, Overloaded)
        assert error.retry_after is not None
        assert error.retry_after > 60


async def test_both_policies_decide(house: House) -> None:
    async with house.client("token-of-ada") as ada:
        named = [tool.name for tool in (await ada.list_tools(Principal(""))).tools]
        assert named[:3] == ["inner.crm.get_all", "inner.crm.get_record", "inner.crm.refund"]
        assert "inner.crm.get_secrets" not in named  # neither allows it
        error = await failing(
            ada.call_tool(Principal(""), ToolCall("inner.crm.get_secrets"), CallContext(timeout=20))
        )
        assert error.code == "unknown_tool"
    async with house.client("token-of-bo") as bo:  # of a tenant that this gateway may not speak for
        error = await failing(bo.call_tool(Principal(""), GET, CallContext(timeout=20)))
        assert isinstance(error, Unauthenticated)
        assert "may not call for people of the tenant 'elsewhere'" in error.message
    async with house.client("token-of-the-outer-gateway", at="inner") as east:  # for nobody
        listed = [tool.name for tool in (await east.list_tools(Principal(""))).tools]
        assert listed[:3] == ["crm.get_all", "crm.get_record", "crm.refund"]
        error = await failing(
            east.call_tool(Principal(""), ToolCall("crm.get_record"), CallContext(timeout=20))
        )
        assert error.code == "unknown_tool"
    assert house.crm.calls == []


@pytest.mark.parametrize("token", ["token-of-ada-at-the-inner-one", "local"])
async def test_whoever_is_no_gateway_is_not_believed_and_not_taken_for_themself(
    house: House, token: str
) -> None:
    if token == "local":
        token = (house.inner.home / "secret").read_text()
    said = CallContext(timeout=20, on_behalf_of=OnBehalf(KEY).sign(Principal("ada", ("support",), "acme")))
    call = ToolCall("crm.get_record")
    async with house.client(token, at="inner") as client:
        assert (
            "no gateway that may say that"
            in (await failing(client.call_tool(Principal(""), call, said))).message
        )
    async with McpClient(f"http://{house.at_inner.http}/mcp", token=token) as client:
        error = await failing(client.call_tool(Principal(""), call, said))
        assert isinstance(error, Unauthenticated)
    assert house.crm.calls == []


@pytest.mark.parametrize("path", ["plain", "sdk"])
async def test_a_count_of_gateways_below_none_hides_no_cycle(house: House, path: str) -> None:
    listens: Any = print if path == "sdk" else None
    async with McpClient(f"http://{house.at_outer.http}/mcp", token="token-of-ada") as ada:
        for hops in (-9, 9):
            context = CallContext(timeout=20, hops=hops, progress=listens)
            said = (await failing(ada.call_tool(Principal(""), GET, context))).message
            assert "toolward/hops" in said or "at most 8" in said, said
    assert house.crm.calls == []


async def test_a_caller_is_told_where_their_approval_waits_and_goes_on_when_it_is_given(house: House) -> None:
    async with house.client("token-of-ada") as ada:
        error = await failing(ada.call_tool(Principal(""), REFUND, CallContext(timeout=20)))
        assert isinstance(error, ApprovalRequired)
        assert f"It waits at the backend inner, not here: answer {error.request_id} there" in error.hint
        assert house.crm.calls == []
        assert await house.outer.runs.list_input_requests(local_person(house.outer.settings)) == ()
        person = Principal("lee", ("operator",), "acme")
        await house.inner.runs.answer_input_request(person, error.request_id, Answer(approve=True))
        assert await ada.call_tool(Principal(""), REFUND, CallContext(timeout=20)) == text_result("a record")
        again = await failing(ada.call_tool(Principal(""), REFUND, CallContext(timeout=20)))
        assert isinstance(again, ApprovalRequired)
    (request,) = await house.inner.runs.list_input_requests(person)
    assert request.id == again.request_id != error.request_id


async def test_what_changes_behind_both_is_known_at_the_outer_one(house: House) -> None:
    house.crm.gets(Tool("get_news"))
    await there(house.outer, "inner.crm.get_news")
    async with house.client("token-of-ada") as ada:
        told = await ada.call_tool(Principal(""), ToolCall("inner.crm.get_news"), CallContext(timeout=20))
        assert told == text_result("a record")


async def test_nothing_that_a_caller_sends_beside_its_call_goes_on(house: House) -> None:
    sent = {
        "authorization": "Bearer token-of-ada",
        "cookie": "session=of-ada",
        "x-api-key": "key-of-ada",
        "baggage": "who=of-ada",
        "x-forwarded-for": "192.0.2.1",
        "toolward-on-behalf-of": OnBehalf("x" * 32).sign(Principal("root")),
    }
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": alias(GET.name), "arguments": {}, "_meta": {"mine": "meta-of-ada"}},
    }
    async with httpx.AsyncClient(base_url=f"http://{house.at_outer.http}") as client:
        accept = {"accept": "application/json, text/event-stream"}
        answer = (await client.post("/mcp", json=body, headers=sent | accept)).json()
        assert answer["result"]["content"][0]["text"] == "a record"
    names = {name for headers in house.crm.headers for name in headers}
    values = [value for headers in house.crm.headers for value in headers.values()]
    assert not any("ada" in value or "192.0.2.1" in value for value in values)
    assert names <= {
        "authorization", "toolward-hops", "traceparent", "user-agent", "grpc-accept-encoding", "accept-encoding"
    }  # fmt: skip
    ((call, context),) = house.crm.calls
    assert "ada" not in f"{call}{context}"


RING = """
version: 1
lock: off
http: 127.0.0.1:0
grpc: "127.0.0.1:MINE"
backends:
  crm: {grpc: "CRM", token: crm-token}
  OTHER: {grpc: "127.0.0.1:THEIRS", token: token-of-OTHER-here, principal_key: "KEY"}
policies: [policy.yaml]
principals:
  - {id: local, roles: [operator]}
  - {id: OTHER, roles: [operator], token: token-of-MY-there}
gateways:
  - {id: OTHER, key: "KEY", roles: [operator]}
"""
ANYTHING = """
version: 1
rules: [{id: all, principals: ["role:operator"], tools: ["*"], effect: allow}]
"""


async def test_gateways_that_are_each_others_backends_come_to_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.backends.connection._BETWEEN_LOOKS", 0.05)
    ports = {"a": free_port(), "b": free_port()}
    async with AsyncExitStack() as stack:
        crm = Crm()
        crm.tools = [Tool("get")]
        door = await stack.enter_async_context(serve_grpc("127.0.0.1:0", crm, crm.authenticate, name="crm"))
        found: dict[str, Gateway] = {}
        for mine, other in (("a", "b"), ("b", "a")):
            text = RING.replace("CRM", door.address).replace("MINE", str(ports[mine]))
            text = text.replace("THEIRS", str(ports[other]))
            text = text.replace("OTHER-here", mine).replace("MY-there", other).replace("OTHER", other)
            found[mine], _ = await opened(stack, tmp_path / mine, text, ANYTHING)
        deepest = "b.a.b.a.b.a.b.a.crm.get"
        await there(found["a"], deepest)
        async with (
            asyncio.timeout(60),
            GrpcClient(f"127.0.0.1:{ports['a']}", (found["a"].home / "secret").read_text()) as client,
        ):
            told = await client.call_tool(Principal(""), ToolCall(deepest), CallContext(timeout=30))
            assert told == text_result("a record")
            error = await failing(
                client.call_tool(Principal(""), ToolCall(deepest), CallContext(timeout=30, hops=1))
            )
            assert isinstance(error, InvalidRequest)
            assert error.message == "The call has passed 9 gateways; at most 8 are taken."
            assert error.hint == "Look for gateways that are each other's backends."
            error = await failing(client.call_tool(Principal(""), GET, CallContext(timeout=30, hops=9)))
            assert isinstance(error, InvalidRequest)
        assert len(crm.calls) == 1
        names = [tool.name for tool in found["a"].dispatch.catalog.tools]
        assert max(name.count(".") for name in names) <= 9  # discovery ends, too
