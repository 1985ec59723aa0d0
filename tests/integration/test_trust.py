"""Whom a server of the kit lets in, started as an operator starts it and asked over real sockets."""

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.integration.scripted_tools import NOBODY, failing
from tests.integration.served import BOTH, ENVELOPE, Served, call, served
from toolward.auth.on_behalf import OnBehalf
from toolward.client.grpc import GrpcClient
from toolward.client.mcp import McpClient
from toolward.errors import Unauthenticated
from toolward.types import NO_CONTEXT, CallContext, Principal, Progress, ToolCall, ToolResult

WHOAMI = ToolCall("whoami")
LOCAL = {"id": "local", "roles": ["operator"], "tenant": "default"}
KEY = "a key that gateway and server share"
ADA = Principal("ada", ("support",), "acme")
AUDIENCE = "https://tools.example/mcp"


async def over_http(at: Served, token: str = "", **headers: str) -> httpx.Response:
    sent = {"accept": BOTH} | headers | ({"authorization": f"Bearer {token}"} if token else {})
    async with httpx.AsyncClient() as client:
        return await client.post(f"{at.url}/mcp", json=call("whoami"), headers=sent)


async def who(at: Served, token: str = "", context: CallContext = NO_CONTEXT) -> list[Any]:
    """Whom the server takes the caller for: over gRPC, and over MCP with the short path and with the SDK's."""
    found: list[Any] = []
    async with GrpcClient(at.grpc, token) as client:
        outcome = await client.call_tool(NOBODY, WHOAMI, context)
        assert isinstance(outcome, ToolResult)
        found.append(outcome.structured)
    async with McpClient(f"{at.url}/mcp", token=token) as client:
        for progress in (None, ignore):
            asked = CallContext(timeout=20, progress=progress, on_behalf_of=context.on_behalf_of)
            found.append((await client.call_tool(NOBODY, WHOAMI, asked)).structured)
    return found


def ignore(_: Progress) -> None:
    pass


def tokens_file(folder: Path, **ids: str) -> Path:
    path = folder / "tokens.toml"
    entries = (
        f'[[tokens]]\nsha256 = "{hashlib.sha256(token.encode()).hexdigest()}"\nid = "{name}"\n'
        for name, token in ids.items()
    )
    path.write_text("".join(entries))
    return path


async def test_each_token_is_its_own_principal_at_every_door(tmp_path: Path) -> None:
    path = tokens_file(tmp_path, bo="of bo".replace(" ", "-"), cy="of-cy")
    secret = tmp_path / "token"
    secret.write_text("of-the-operator\n")
    with served("--tokens", str(path), TOOLWARD_TOKEN_FILE=str(secret)) as at:
        assert "open to every user" not in at.line
        assert [found["id"] for found in await who(at, "of-bo")] == ["bo"] * 3
        assert [found["id"] for found in await who(at, "of-cy")] == ["cy"] * 3
        assert await who(at, "of-the-operator") == [LOCAL] * 3
        refused = await over_http(at, "wrong")
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        async with GrpcClient(at.grpc, "wrong") as client:
            assert isinstance(await failing(client.call_tool(NOBODY, WHOAMI, NO_CONTEXT)), Unauthenticated)


async def test_a_gateway_says_for_whom_it_calls() -> None:
    on_behalf = OnBehalf(KEY)
    with served(TOOLWARD_TOKEN="t", TOOLWARD_PRINCIPAL_KEY=KEY) as at:
        assert await who(at, "t") == [LOCAL] * 3
        said = CallContext(on_behalf_of=on_behalf.sign(ADA))
        assert await who(at, "t", said) == [{"id": "ada", "roles": ["support"], "tenant": "acme"}] * 3
        forged = CallContext(on_behalf_of=OnBehalf(KEY[::-1]).sign(ADA))
        async with GrpcClient(at.grpc, "t") as client:
            error = await failing(client.call_tool(NOBODY, WHOAMI, forged))
        assert isinstance(error, Unauthenticated)
        async with GrpcClient(at.grpc, "") as client:  # it does not stand for the caller's own token
            assert isinstance(await failing(client.call_tool(NOBODY, WHOAMI, said)), Unauthenticated)


def test_over_stdio_too_the_gateway_says_for_whom() -> None:
    meta = {"toolward/on-behalf-of": OnBehalf(KEY).sign(ADA)}
    message = call("whoami")
    message["params"]["_meta"] = meta
    done = subprocess.run(
        [sys.executable, "-m", "tests.servers.trusted"],
        input=json.dumps(message) + "\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={"PATH": "", "PYTHONPATH": ":".join(sys.path), "TOOLWARD_PRINCIPAL_KEY": KEY},
    )
    assert json.loads(done.stdout)["result"]["structuredContent"]["id"] == "ada"


async def test_a_jwt_is_taken_and_a_client_without_one_is_told_where_to_get_it(tmp_path: Path) -> None:
    key = ECKey.generate_key("P-256", {"kid": "one"})
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    claims = {"iss": "https://id.example", "aud": AUDIENCE, "sub": "ada", "exp": int(time.time()) + 60}
    token = jwt.encode({"alg": "ES256", "kid": "one"}, claims, key)
    flags = (
        *("--jwt-issuer", "https://id.example"),
        *("--jwt-audience", AUDIENCE),
        *("--jwt-keys", str(tmp_path / "jwks.json")),
    )
    with served(*flags) as at:
        assert [found["id"] for found in await who(at, token)] == ["ada"] * 3
        unknown = await over_http(at)
        where = "https://tools.example/.well-known/oauth-protected-resource/mcp"
        assert unknown.headers["www-authenticate"] == f'Bearer resource_metadata="{where}"'
        flawed = (await over_http(at, f"{token}x")).headers["www-authenticate"]
        assert flawed == f'Bearer error="invalid_token", resource_metadata="{where}"'
        async with httpx.AsyncClient() as client:
            for path in (
                "/.well-known/oauth-protected-resource/mcp",
                "/.well-known/oauth-protected-resource",
            ):
                document = (await client.get(at.url + path)).json()
                assert document["resource"] == AUDIENCE
                assert document["authorization_servers"] == ["https://id.example"]


async def test_the_trace_of_the_caller_is_read_from_meta_and_from_the_header() -> None:
    """What a door makes of it is in test_telemetry; here: a strange one is no reason to refuse a call."""
    with served() as at:
        assert (await over_http(at, traceparent="nonsense")).status_code == 200
        message = call("whoami")
        message["params"]["_meta"] = ENVELOPE | {"traceparent": "nonsense"}
        async with httpx.AsyncClient() as client:
            headers = {"accept": BOTH, "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call"}
            answer = await client.post(
                f"{at.url}/mcp", json=message, headers=headers | {"mcp-name": "whoami"}
            )
        assert answer.json()["result"]["structuredContent"] == LOCAL


async def test_a_name_that_the_server_is_known_by_must_be_told_to_it() -> None:
    with served("--hosts", "tools.example, other.example") as at:
        assert (await over_http(at, host="Tools.Example")).status_code == 200
        assert (await over_http(at, host="evil.example")).status_code == 403
        assert (await over_http(at, host="tools.example", origin="https://tools.example")).status_code == 200
        assert (await over_http(at, host="tools.example", origin="https://evil.example")).status_code == 403


@pytest.mark.parametrize(
    ("flags", "environment", "said"),
    [
        (("--http", "192.0.2.1:0"), {}, "nothing says who may call"),
        (("--grpc", "0.0.0.0:0"), {}, "nothing says who may call"),
        (("--tls-cert", "cert.pem"), {}, "a certificate and its key are needed"),
        (("--tokens", "/no/such/file"), {}, "cannot be read"),
        (("--max-calls", "0"), {}, "--max-calls must be 1 or more"),
        (("--log-format", "xml"), {}, "--log-format is 'xml'"),
        (("--drain", "soon"), {}, "--drain is 'soon'"),
        ((), {"TOOLWARD_TOKEN_FILE": "/no/such/file"}, "TOOLWARD_TOKEN_FILE is /no/such/file"),
        ((), {"TOOLWARD_PRINCIPAL_KEY": "short"}, "at least 32"),
        ((), {"TOOLWARD_MAX_BODY": "many"}, "TOOLWARD_MAX_BODY is 'many'"),
        (("--jwt-issuer", "https://id.example"), {}, "their audience must be known"),
        (
            (
                *("--jwt-issuer", "https://id.example", "--jwt-audience", AUDIENCE),
                *("--jwt-keys", "https://id.example/keys", "--jwt-networks", "private, corp"),
            ),
            {},
            "'corp' is no network",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_at_start_with_the_remedy(
    flags: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.servers.trusted", *flags],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={"PATH": "", "PYTHONPATH": ":".join(sys.path)} | environment,
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_new_token_is_shown_once_with_an_entry_that_takes_it(tmp_path: Path) -> None:
    code = "from toolward.kit.command import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--new-token", 'a "b"'],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    first, entry = done.stdout.split("\n", 1)
    (tmp_path / "tokens.toml").write_text(entry)
    from toolward.auth import Tokens, load_tokens

    assert Tokens(*load_tokens(tmp_path / "tokens.toml")).find(first.rpartition(" ")[2]) == Principal('a "b"')
