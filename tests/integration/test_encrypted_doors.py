"""TLS and mutual TLS at the doors on sockets."""

import ssl
from pathlib import Path

import grpc
import httpx
import pytest
from grpc.aio import UnaryUnaryMultiCallable

from tests.integration.certificates import Authority, Issued
from tests.integration.served import BOTH, Served, call, served
from toolward.doors.tls import Tls
from toolward.errors import ConfigurationError
from toolward.types import ToolCall, ToolResult
from toolward.wire.grpc_tools import CALL_TOOL


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ca")


def client_context(authority: Authority, own: Issued | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.file)
    if own is not None:
        context.load_cert_chain(own.certificate, own.key)
    return context


async def over_http(at: Served, context: ssl.SSLContext) -> int:
    async with httpx.AsyncClient(verify=context) as client:
        url = at.url.replace("http:", "https:")
        return (await client.post(f"{url}/mcp", json=call("whoami"), headers={"accept": BOTH})).status_code


async def over_grpc(at: Served, authority: Authority, own: Issued | None = None) -> str:
    pair = (None, None) if own is None else (own.key.read_bytes(), own.certificate.read_bytes())
    credentials = grpc.ssl_channel_credentials(authority.file.read_bytes(), *pair)
    async with grpc.aio.secure_channel(at.grpc, credentials) as channel:
        method: UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CALL_TOOL.path)
        outcome = CALL_TOOL.decode_response(
            await method(CALL_TOOL.encode_request(ToolCall("whoami")), timeout=20)
        )
    assert isinstance(outcome, ToolResult)
    return outcome.structured["id"]


async def test_both_doors_speak_tls(authority: Authority) -> None:
    own = authority.issue("server")
    with served("--tls-cert", str(own.certificate), "--tls-key", str(own.key)) as at:
        assert "https://" in at.line
        assert await over_http(at, client_context(authority)) == 200
        assert await over_grpc(at, authority) == "local"
        with pytest.raises(httpx.ConnectError):
            await over_http(at, ssl.create_default_context())
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.HTTPError):
                await client.get(f"{at.url}/healthz")


async def test_with_a_ca_of_clients_only_those_it_vouches_for_get_in(
    authority: Authority, tmp_path: Path
) -> None:
    own, client, stranger = (
        authority.issue("server"),
        authority.issue("client"),
        Authority(tmp_path, "other").issue("stranger"),
    )
    flags = (
        "--tls-cert",
        str(own.certificate),
        "--tls-key",
        str(own.key),
        "--tls-client-ca",
        str(authority.file),
    )
    with served(*flags) as at:
        assert "open to every user" not in at.line
        assert await over_http(at, client_context(authority, client)) == 200
        assert await over_grpc(at, authority, client) == "local"
        for other in (None, stranger):
            with pytest.raises((httpx.HTTPError, ssl.SSLError)):
                await over_http(at, client_context(authority, other))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await over_grpc(at, authority, other)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_files_that_cannot_be_used_are_named(authority: Authority, tmp_path: Path) -> None:
    own, other = authority.issue("server"), authority.issue("other")
    for tls in (
        Tls(tmp_path / "none.pem", own.key),
        Tls(own.certificate, other.key),
        Tls(own.certificate, own.key, own.key),
    ):
        with pytest.raises(ConfigurationError, match="cannot be used"):
            tls.context()
