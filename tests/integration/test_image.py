"""There is no container engine here. What can be done without one is: the files are read as an engine reads them,
held against what the programs take, and the container's command is run with the environment that compose gives."""

import os
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from gateway.config.find import CONFIG
from gateway.config.parse import read_settings
from gateway.core.spec import GrpcSpec, HttpSpec
from tests.integration.scripted_tools import ADA, NOBODY, failing
from tests.integration.served import free_port
from toolward.auth.on_behalf import OnBehalf
from toolward.client.grpc import GrpcClient
from toolward.errors import Unauthenticated
from toolward.types import NO_CONTEXT, CallContext, ToolCall

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SERVERS = ("calculator", "search", "files", "crm")


@pytest.fixture(scope="module")
def compose() -> Any:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    return YAML(typ="safe").load(text)  # pyright: ignore[reportUnknownMemberType] -- it has no types


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    """A copy of deploy/, with the secrets that its script makes."""
    folder = tmp_path / "deploy"
    folder.mkdir()
    for name in ("make-secrets", "start", "toolward.yaml"):
        (folder / name).write_bytes((ROOT / "deploy" / name).read_bytes())
    subprocess.run(["sh", str(folder / "make-secrets")], check=True, timeout=20)
    return folder


def dockerfile() -> list[tuple[str, str]]:
    """Instructions of the last stage."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    last = max(number for number, line in enumerate(lines) if line.startswith("FROM "))
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines[last:]]


# --- the image -------------------------------------------------------------------------------------------


def test_the_image_runs_as_a_user_with_a_number_who_is_not_root() -> None:
    """A number, because an orchestrator that refuses root cannot look names up."""
    users = [said for word, said in dockerfile() if word == "USER"]
    assert users == ["10001"]


def test_the_image_asks_a_path_that_the_programs_answer() -> None:
    (check,) = (said for word, said in dockerfile() if word == "HEALTHCHECK")
    code = re.search(r'python -c "(.+)"', check)
    assert code is not None
    port, grpc = free_port(), free_port()
    environment = os.environ | {
        "PROGRAM": "calculator",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "GRPC_PORT": str(grpc),
    }
    asked = [sys.executable, "-c", code[1]]
    assert (
        subprocess.run(asked, env=environment, capture_output=True, timeout=20, check=False).returncode != 0
    )
    with started(ROOT / "deploy" / "start", environment):
        subprocess.run(asked, env=environment, check=True, timeout=20)


def test_no_secret_is_copied_into_an_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {"deploy/secrets", ".git", ".venv"} <= set(ignored)
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text().split()


# --- compose.yaml ----------------------------------------------------------------------------------------


def test_no_container_may_write_to_itself_or_gain_rights(compose: Any) -> None:
    assert set(compose["services"]) == {"gateway", *SERVERS}
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "user" not in service  # the image's


def test_only_the_gateway_can_be_reached_and_servers_reach_nobody(compose: Any) -> None:
    assert compose["networks"]["servers"]["internal"] is True
    for name in SERVERS:
        service = compose["services"][name]
        assert service["networks"] == ["servers"]
        assert "ports" not in service
    assert all(port.startswith("127.0.0.1:") for port in compose["services"]["gateway"]["ports"])


def test_each_server_is_given_its_own_secrets_and_no_other(compose: Any, deploy: Path) -> None:
    files = {name: deploy.parent / one["file"] for name, one in compose["secrets"].items()}
    assert len({file.read_text() for file in files.values()}) == len(files) == 2 * len(SERVERS)
    assert (deploy / "secrets").stat().st_mode & 0o777 == 0o700
    for name in SERVERS:
        given = {one["target"]: one["source"] for one in compose["services"][name]["secrets"]}
        assert given == {"token": f"{name}_token", "key": f"{name}_key"}
    assert set(compose["services"]["gateway"]["secrets"]) == set(files)


def test_secrets_that_are_there_are_kept(deploy: Path) -> None:
    before = {file: file.read_text() for file in (deploy / "secrets").iterdir()}
    subprocess.run(["sh", str(deploy / "make-secrets")], check=True, timeout=20)
    assert {file: file.read_text() for file in (deploy / "secrets").iterdir()} == before


def test_every_variable_and_flag_is_one_that_help_shows(compose: Any) -> None:
    for name in SERVERS:
        service = compose["services"][name]
        shown = subprocess.run(
            [str(BIN / "toolserver"), name, "--help"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
        for variable in service["environment"]:
            assert re.search(rf"\b{variable.removesuffix('_FILE')}\b", shown), (name, variable)
        flags = re.findall(r"--[a-z-]+", (ROOT / "deploy" / "start").read_text())
        assert flags == ["--http", "--grpc"]
        assert all(flag in shown for flag in flags)


def test_every_command_in_the_gateways_container_finds_the_configuration_that_is_mounted(
    compose: Any,
) -> None:
    """A flag for `up` alone would leave `toolward policy explain`, run in there, with the built-in one."""
    gateway = compose["services"]["gateway"]
    assert "command" not in gateway
    found = gateway["environment"][CONFIG]
    assert f"./deploy/toolward.yaml:{found}:ro" in gateway["volumes"]


def test_the_gateways_configuration_names_every_server_where_it_listens(compose: Any, deploy: Path) -> None:
    settings = _settings(deploy)
    ports = {"http": 8700, "grpc": 8701}
    assert (settings.http.port, settings.grpc.port) == (ports["http"], ports["grpc"])
    assert {published.split(":")[2] for published in compose["services"]["gateway"]["ports"]} == {
        "8700",
        "8701",
    }
    assert [one.name for one in settings.backends] == list(SERVERS)
    for one in settings.backends:
        assert one.on_behalf_of
        if isinstance(one, GrpcSpec):
            assert one.target == f"{one.name}:{ports['grpc']}"
        else:
            assert isinstance(one, HttpSpec)
            assert one.url == f"http://{one.name}:{ports['http']}/mcp"


def _settings(deploy: Path) -> Any:
    text = (deploy / "toolward.yaml").read_text().replace("/run/secrets", str(deploy / "secrets"))
    (deploy / "toolward.yaml").write_text(text)
    (deploy / "policies").symlink_to(ROOT / "policies")
    return read_settings(deploy / "toolward.yaml")


async def test_the_containers_command_serves_with_the_secrets_that_compose_mounts(
    compose: Any, deploy: Path
) -> None:
    """The CRM as compose starts it, but on loopback, with its folders here."""
    name = "crm"
    mounted = {"/run/secrets/token": f"{name}_token", "/run/secrets/key": f"{name}_key"}
    http, grpc = free_port(), free_port()
    given = {
        variable: str(deploy / "secrets" / mounted[value]) if value in mounted else value
        for variable, value in compose["services"][name]["environment"].items()
    }
    places = {"TOOLWARD_CRM_DATABASE": str(deploy / "crm.db"), "TOOLWARD_HOME": str(deploy)}
    where = {"PROGRAM": name, "HOST": "127.0.0.1", "PORT": str(http), "GRPC_PORT": str(grpc)}
    with started(deploy / "start", {**os.environ, **given, **places, **where}):
        spec = next(one for one in _settings(deploy).backends if one.name == name)
        asked = ToolCall("find_records", b'{"record_type":"order"}')
        said = CallContext(timeout=20, on_behalf_of=OnBehalf(spec.principal_key).sign(ADA))
        async with GrpcClient(f"127.0.0.1:{grpc}", spec.token) as client:
            await client.call_tool(NOBODY, asked, said)
        async with GrpcClient(f"127.0.0.1:{grpc}") as client:
            assert isinstance(await failing(client.call_tool(NOBODY, asked, NO_CONTEXT)), Unauthenticated)
        async with httpx.AsyncClient() as client:
            headers = {"host": name, "authorization": f"Bearer {spec.token}"}
            metrics = await client.get(f"http://127.0.0.1:{http}/metrics", headers=headers)
        assert 'tool="find_records"' in metrics.text


@contextmanager
def started(script: Path, environment: dict[str, str]) -> Generator[None, None, None]:
    """The container's command, ready; it must end well when it is told to stop."""
    path = f"{BIN}{os.pathsep}{environment.get('PATH', '')}"
    process = subprocess.Popen(
        ["sh", str(script)], stderr=subprocess.PIPE, text=True, env=environment | {"PATH": path}
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "MCP at" in line, line
        yield
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
