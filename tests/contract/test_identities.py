"""Whoever calls, and by whatever that is proven: every door knows the same caller, decides the same, records the
same; and refuses the same."""

import asyncio
import json
import sqlite3
import ssl
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from cryptography import x509

from gateway.bootstrap import Gateway, ledger_file, open_doors, open_gateway, secret_file
from gateway.config.find import make_home
from gateway.config.keys import added, change_keys
from gateway.config.parse import read_settings
from tests.contract.drivers import Driver, McpHttpDriver, ProviderDriver, RestDriver, Told
from tests.integration.certificates import NO_NAME, Authority, Issued
from tests.integration.identity_provider import IdentityProvider, identity_provider
from tests.servers.fixture import server as tools
from toolward.auth import bearer
from toolward.auth.api_keys import ApiKey, mint
from toolward.client.client_tls import ClientTls
from toolward.client.grpc import GrpcClient
from toolward.doors.address import Address
from toolward.doors.grpc import serve_grpc
from toolward.doors.serve import Opened
from toolward.errors import NotFound
from toolward.types import Principal
from toolward.wire.grpc_tools import LIST_TOOLS

DOORS = ["grpc", "rest", "http legacy", "http modern"]

CONFIG = """
version: 1
http: 127.0.0.1:0
grpc: 127.0.0.1:0
tls: {certificate: server.pem, key: server.key, client_ca: ca.pem}
backends:
  fixture: {grpc: "FIXTURE", token: of-the-gateway}
policies: [policy.yaml]
identity:
  resource: https://tools.example/mcp
  providers:
    - issuer: ISSUER
      audience: [toolward, "https://tools.example/mcp"]
      prefix: "corp:"
      roles_claim: realm_access.roles
      roles: {staff: support, chiefs: lead}
      tenant_claim: org
      tenant: default
principals:
  - {id: local, roles: [operator]}
  - {id: ada, roles: [support], tenant: acme, token: of-ada}
  - {id: robot, roles: [support], tenant: acme, certificate: "spiffe://corp.example/robot"}
  - {id: batch, roles: [support], certificate: batch.corp.example}
  - {id: old, roles: [support], certificate: Old machine}
"""
POLICY = """
version: 1
rules:
  - {id: adding, principals: ["role:support", "role:operator"], tools: [fixture.add], effect: allow}
  - {id: leads-do-not, principals: ["role:lead"], tools: [fixture.add], when: args.a == 2, effect: deny}
"""


class House(NamedTuple):
    gateway: Gateway
    at: Opened
    provider: IdentityProvider
    folder: Path

    def token(self, name: str) -> str:
        if name == "key":
            return KEY.text
        return secret_file(self.gateway.home).read_text() if name == "secret" else TOKENS[name](self.provider)

    def record(self) -> tuple[str, str, list[str], str, str] | None:
        """Principal, tenant, roles, effect, rule of the last call."""
        with closing(sqlite3.connect(ledger_file(self.gateway.home))) as database:
            query = (
                "select principal, tenant, roles, effect, rule from call_records order by rowid desc limit 1"
            )
            row = database.execute(query).fetchone()
        return None if row is None else (row[0], row[1], json.loads(row[2]), row[3], row[4])


KEY = mint()
BO = ApiKey(
    prefix=KEY.prefix,
    sha256=KEY.sha256,
    owner="bo",
    roles=("support",),
    tenant="acme",
    created=datetime.now(UTC),
)
STAFF: dict[str, Any] = {"realm_access": {"roles": ["staff", "unknown"]}}

TOKENS: dict[str, Callable[[IdentityProvider], str]] = {
    "nothing": lambda _: "",
    "ada": lambda _: "of-ada",
    "wrong": lambda _: "of-nobody",
    "another key": lambda _: mint().text,
    "grace": lambda idp: idp.token(**STAFF, org="acme"),
    "grace at home": lambda idp: idp.token(**STAFF),
    "chief": lambda idp: idp.token(sub="hedy", realm_access={"roles": ["staff", "chiefs"]}, org="acme"),
    "without roles": lambda idp: idp.token(realm_access={"roles": ["operator"]}),
    "expired": lambda idp: idp.token(**STAFF, exp=int(time.time()) - 120),
    "for others": lambda idp: idp.token(**STAFF, aud=["other"]),
    "of strangers": lambda idp: idp.token(**STAFF, iss="https://id.stranger.example"),
    "forged": lambda idp: idp.token(idp.new_key("one"), **STAFF),
}


class Case(NamedTuple):
    """A token and a certificate, and whom they make of the caller; without `roles` nothing is on record."""

    token: str
    certificate: str = "nobody"
    principal: str = ""
    roles: tuple[str, ...] | None = None
    tenant: str = "default"
    code: str = "ok"
    says: str = ""


CASES = {
    "the installation's secret": Case("secret", principal="local", roles=("operator",)),
    "a principal's token": Case("ada", principal="ada", roles=("support",), tenant="acme"),
    "an API key": Case("key", "robot", "bo", ("support",), "acme"),
    "a provider's token": Case("grace", principal="corp:grace", roles=("support",), tenant="acme"),
    "one without a tenant": Case("grace at home", principal="corp:grace", roles=("support",)),
    "one whom a rule denies": Case(
        "chief",
        "nobody",
        "corp:hedy",
        ("support", "lead"),
        "acme",
        code="denied",
        says="the rule leads-do-not",
    ),
    "one whose groups are nobody's here": Case("without roles", code="unknown_tool"),
    "a certificate's URI": Case("nothing", "robot", "robot", ("support",), "acme"),
    "a certificate's DNS name": Case("nothing", "batch", "batch", ("support",)),
    "a certificate's common name": Case("nothing", "old", "old", ("support",)),
    "a token before a certificate": Case("ada", "robot", "ada", ("support",), "acme"),
    "nobody": Case("nothing", code="unauthenticated", says="nobody who is known here"),
    "a common name beside others": Case("nothing", "pretender", code="unauthenticated", says="nobody who is"),
    "two certificates in one": Case("nothing", "both", code="unauthenticated", says="several principals"),
    "a wrong token": Case("wrong", code="unauthenticated", says="is no JWT"),
    "a wrong token with a good certificate": Case("wrong", "robot", code="unauthenticated", says="is no JWT"),
    "an unknown API key": Case("another key", "robot", code="unauthenticated", says="API key is not known"),
    "an expired token": Case("expired", "robot", code="unauthenticated", says="has expired"),
    "a token for others": Case("for others", code="unauthenticated", says="aud"),
    "a token of strangers": Case("of strangers", code="unauthenticated", says="an issuer that is not known"),
    "a forged token": Case("forged", code="unauthenticated", says="does not hold"),
}


def issue(folder: Path) -> None:
    ca = Authority(folder, "ca")
    robot = x509.UniformResourceIdentifier("spiffe://corp.example/robot")
    batch = x509.DNSName("batch.corp.example")
    ca.issue("server")
    ca.issue("nobody")
    ca.issue("robot", robot)
    ca.issue("batch", x509.DNSName("other.corp.example"), batch)
    ca.issue("both", robot, batch)
    ca.issue("old", NO_NAME, common="Old machine")
    ca.issue("pretender", x509.DNSName("other.corp.example"), common="Old machine")


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[House, None]:
    folder = tmp_path_factory.mktemp("identities")
    issue(folder)
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(identity_provider("/realms/corp"))
        await stack.enter_async_context(tools.running())
        who = bearer({"of-the-gateway": Principal("gateway")})
        behind = await stack.enter_async_context(serve_grpc("127.0.0.1:0", tools, who, name="fixture"))
        (folder / "policy.yaml").write_text(POLICY)
        config = CONFIG.replace("ISSUER", provider.issuer).replace("FIXTURE", behind.address)
        (folder / "toolward.yaml").write_text(config)
        settings = read_settings(folder / "toolward.yaml", {})
        make_home(folder / "home")
        change_keys(folder / "home", lambda keys: added(keys, BO))
        gateway = await stack.enter_async_context(open_gateway(settings, folder / "home", environment={}))
        at = await stack.enter_async_context(open_doors(gateway))
        yield House(gateway, at, provider, folder)


async def driver(house: House, door: str, case: Case, stack: AsyncExitStack) -> Driver:
    own = Issued(house.folder / f"{case.certificate}.pem", house.folder / f"{case.certificate}.key")
    token = house.token(case.token)
    if door == "grpc":
        tls = ClientTls(house.folder / "ca.pem", own.certificate, own.key)
        client = GrpcClient(str(house.at.grpc), token, tls=tls)
        return ProviderDriver(await stack.enter_async_context(client))
    context = ssl.create_default_context(cafile=house.folder / "ca.pem")
    context.load_cert_chain(own.certificate, own.key)
    http = httpx.AsyncClient(verify=context, base_url=f"https://{house.at.http}")
    await stack.enter_async_context(http)
    if door == "rest":
        return RestDriver(http, token)
    return McpHttpDriver(http, token, modern=door == "http modern")


@pytest.mark.parametrize("what", CASES)
async def test_every_door_knows_the_same_caller(house: House, what: str) -> None:
    case = CASES[what]
    told: list[Told] = []
    for door in DOORS:
        async with AsyncExitStack() as stack:
            before = house.record()
            asked = await driver(house, door, case, stack)
            told.append(await asked.call("fixture.add", b'{"a":2,"b":3}'))
            with suppress(NotFound):
                await house.gateway.ledger.call_record("none")  # behind everything that was recorded before
        if case.roles is None:
            assert house.record() == before
        else:
            effect, rule = ("allow", "adding") if case.code == "ok" else ("deny", "leads-do-not")
            assert house.record() == (case.principal, case.tenant, list(case.roles), effect, rule), door
    assert {one[:2] for one in told} == {told[0][:2]}
    assert told[0].code == case.code
    assert case.says in told[0].text


FORGED = '["uri spiffe://corp.example/robot"]'


@pytest.mark.parametrize("name", [":certificate", ":Certificate", " :certificate", "x: y\r\n:certificate"])
async def test_no_client_can_say_over_http_what_its_certificate_is(house: House, name: str) -> None:
    body = '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}'
    plain = f"Accept: */*\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    for start, rest in (("GET /v1/tools", "\r\n"), ("POST /mcp", f"{plain}\r\n{body}")):
        request = f"{start} HTTP/1.1\r\nHost: localhost\r\n{name}: {FORGED}\r\n{rest}"
        answer = await exchange(house, "http/1.1", house.at.http, request.encode())
        assert answer.split(b" ")[1] in (b"400", b"401"), answer


async def test_no_client_can_say_over_grpc_what_its_certificate_is(house: House) -> None:
    headers = [
        (":method", "POST"), (":scheme", "https"), (":path", LIST_TOOLS.path), (":authority", "localhost"),
        ("te", "trailers"), ("content-type", "application/grpc"),
    ]  # fmt: skip
    forged = (":certificate", FORGED)
    for order, status in ((headers, b"16"), ([*headers, forged], b"13"), ([forged, *headers], b"13")):
        asked = frame(1, 4, 1, b"".join(literal(*header) for header in order)) + frame(0, 1, 1, bytes(5))
        answer = await exchange(house, "h2", house.at.grpc, PREFACE + frame(4, 0, 0) + asked)
        assert b"grpc-status\x02" + status in answer, answer  # gRPC's own word, before any of ours: illegal


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


async def exchange(house: House, protocol: str, at: Address | None, request: bytes) -> bytes:
    """Sent as it is, over a connection of somebody's whom the gateway does not know; the answer, as far as its
    status."""
    assert at is not None
    context = ssl.create_default_context(cafile=house.folder / "ca.pem")
    context.load_cert_chain(house.folder / "nobody.pem", house.folder / "nobody.key")
    context.set_alpn_protocols([protocol])
    reader, writer = await asyncio.open_connection(at.host, at.port, ssl=context)
    writer.write(request)
    answer = b""
    async with asyncio.timeout(10):
        while not (b"grpc-status" in answer or b"\r\n\r\n" in answer):
            more = await reader.read(65536)
            assert more, answer
            answer += more
    writer.transport.abort()  # gRPC does not answer a TLS goodbye
    return answer


def literal(name: str, value: str) -> bytes:
    """RFC 7541, 6.2.2: a header that no table holds, without Huffman's code."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """RFC 9113, 4.1."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


METADATA = "https://tools.example/.well-known/oauth-protected-resource/mcp"


@pytest.mark.parametrize("path", ["/mcp", "/v1/tools", "/metrics"])
async def test_whoever_has_no_token_is_told_where_to_get_one(house: House, path: str) -> None:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(strangers_client(house))
        for token, said in (
            ({}, "Bearer "),
            ({"authorization": "Bearer x"}, 'Bearer error="invalid_token", '),
        ):
            answer = await client.request("POST" if path == "/mcp" else "GET", path, headers=token)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == f'{said}resource_metadata="{METADATA}"'


async def test_where_tokens_come_from_is_told_to_all_who_call_us_by_our_names(house: House) -> None:
    async with strangers_client(house) as client:
        for path in ("/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"):
            for host, status in (("tools.example", 200), ("localhost:9", 200), ("evil.example", 403)):
                answer = await client.get(path, headers={"host": host})
                assert answer.status_code == status
                if status == 200:
                    assert answer.json() == {
                        "resource": "https://tools.example/mcp",
                        "authorization_servers": [house.provider.issuer],
                        "bearer_methods_supported": ["header"],
                    }


async def test_a_token_for_the_resource_opens_the_door_by_its_public_name(house: House) -> None:
    token = house.provider.token(**STAFF, aud="https://tools.example/mcp")
    headers = {"host": "tools.example", "authorization": f"Bearer {token}"}
    async with strangers_client(house) as client:
        assert (await client.get("/v1/tools", headers=headers)).json()["tools"] != []


def strangers_client(house: House) -> httpx.AsyncClient:
    context = ssl.create_default_context(cafile=house.folder / "ca.pem")
    context.load_cert_chain(house.folder / "nobody.pem", house.folder / "nobody.key")
    return httpx.AsyncClient(verify=context, base_url=f"https://{house.at.http}")
