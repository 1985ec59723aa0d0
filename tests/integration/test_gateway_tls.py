"""The gateway's doors encrypted: the commands of this computer, clients with and without a certificate, what a
mistake in the files is told as."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from gateway.bootstrap import open_doors, open_gateway, secret_file
from gateway.cli.session import Common, open_session
from gateway.config.parse import read_settings
from tests.e2e.command import free_port
from tests.integration.certificates import Authority
from tests.integration.scripted_tools import failing
from toolward.doors.serve import Opened
from toolward.errors import ConfigurationError, Unavailable

CONFIG = """
version: 1
http: 127.0.0.1:0
grpc: 127.0.0.1:PORT
tls: {certificate: server.pem, key: server.key MORE}
policies: []
principals: PRINCIPALS
"""
ROBOT = "[{id: local}, {id: robot, certificate: robot.corp.example}]"
LOCAL = "[{id: local, roles: [operator]}]"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOOLWARD_HOME", str(tmp_path / "home"))
    ca = Authority(tmp_path, "ca")
    ca.issue("server", x509.DNSName("*.corp.example"))
    ca.issue("robot", x509.DNSName("robot.corp.example"))
    return tmp_path


@asynccontextmanager
async def opened(folder: Path, more: str = "", principals: str = LOCAL) -> AsyncGenerator[Opened, None]:
    config = CONFIG.replace("MORE", more).replace("PORT", str(free_port())).replace("PRINCIPALS", principals)
    (folder / "toolward.yaml").write_text(config)
    settings = read_settings(folder / "toolward.yaml", {})
    async with open_gateway(settings, folder / "home", environment={}) as gateway, open_doors(gateway) as at:
        yield at


async def listed(folder: Path) -> int:
    """As a command does it."""
    async with open_session(Common(config=folder / "toolward.yaml")) as session:
        assert session.own is None
        return len((await session.tools.list_tools(session.principal)).tools)


@pytest.mark.parametrize("more", ["", ", client_ca: ca.pem, clients: optional", ", client_ca: ca.pem"])
async def test_commands_reach_the_gateway_whatever_its_certificate_is_for(folder: Path, more: str) -> None:
    async with opened(folder, more):
        assert await listed(folder) == 0


async def test_where_the_gateways_own_certificate_is_no_clients_the_remedy_is_told(folder: Path) -> None:
    Authority(folder, "clients")
    async with opened(folder, ", client_ca: clients.pem"):
        error = await failing(listed(folder))
    assert isinstance(error, Unavailable)
    assert "or write clients: optional" in error.hint


async def test_where_clients_need_no_certificate_one_that_is_shown_counts_all_the_same(folder: Path) -> None:
    async with opened(folder, ", client_ca: ca.pem, clients: optional", ROBOT) as at:
        assert at.scheme == "https"
        with_one = ssl.create_default_context(cafile=folder / "ca.pem")
        with_one.check_hostname = False
        with_one.load_cert_chain(folder / "robot.pem", folder / "robot.key")
        without = ssl.create_default_context(cafile=folder / "ca.pem")
        without.check_hostname = False
        token = {"authorization": f"Bearer {secret_file(folder / 'home').read_text()}"}
        for context, headers, status in ((with_one, {}, 200), (without, {}, 401), (without, token, 200)):
            async with httpx.AsyncClient(verify=context, headers=headers) as client:
                assert (await client.get(f"https://{at.http}/v1/tools")).status_code == status


async def test_a_key_that_is_another_certificates_is_told_before_anything_opens(folder: Path) -> None:
    (folder / "server.key").write_bytes((folder / "robot.key").read_bytes())
    with pytest.raises(ConfigurationError, match=r"server.pem with the key .*server.key cannot be used"):
        async with opened(folder):
            pass
