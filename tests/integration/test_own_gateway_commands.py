"""`status`, `console` and `doctor`, of a gateway that runs in this process and of none."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import mcp.client.stdio  # noqa: F401  # pyright: ignore[reportUnusedImport] -- takes the stderr of now, not capsys's
import pytest
from cryptography import x509

from gateway.bootstrap import open_doors, open_gateway
from gateway.bootstrap.links import use_link
from gateway.cli.checks import computer
from gateway.cli.console import console
from gateway.cli.doctor import doctor
from gateway.cli.session import Common
from gateway.cli.status import status
from gateway.config.parse import read_settings
from tests.e2e.command import free_port
from tests.integration.certificates import Authority
from toolward.errors import InvalidResult, Unauthenticated, Unavailable

SERVER = f"{{command: [{json.dumps(sys.executable)}, -m, toolservers.calculator]}}"
BROKEN = "{command: [/nowhere/program]}"

Says = Callable[[], Any]


@pytest.fixture
def says(capsys: pytest.CaptureFixture[str]) -> Says:
    return lambda: json.loads(capsys.readouterr().out)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("TOOLWARD_", "OPENAI_", "ANTHROPIC_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TOOLWARD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def configured(folder: Path, more: str = "") -> Common:
    path = folder / "toolward.yaml"
    path.write_text(f"version: 1\nhttp: 127.0.0.1:{free_port()}\ngrpc: 127.0.0.1:{free_port()}\n{more}")
    return Common(path, json=True)


@asynccontextmanager
async def up(common: Common, home: Path) -> AsyncGenerator[None]:
    assert common.config is not None
    settings = read_settings(common.config, {})
    async with open_gateway(settings, home, environment={}) as gateway, open_doors(gateway):
        await gateway.take_up_runs()  # each backend has answered by then, or failed
        yield


@pytest.mark.parametrize("tls", ["", "tls: {certificate: server.pem, key: server.key, client_ca: ca.pem}\n"])
async def test_status_and_a_link_of_a_gateway_that_runs(home: Path, says: Says, tls: str) -> None:
    if tls:
        Authority(home.parent, "ca").issue("server", x509.DNSName("gateway.corp.example"))
    common = configured(home.parent, f"{tls}backends: {{calc: {SERVER}}}\n")
    async with up(common, home):
        assert await asyncio.to_thread(lambda: status(common=common)) == 0
        said = says()
        assert said["ok"]
        assert said["address"].startswith("https://" if tls else "http://")
        assert [(one["name"], one["tools"]) for one in said["backends"]] == [("calc", 4)]
        assert (said["input_requests"], set(said["runs"].values())) == (0, {0})
        assert await asyncio.to_thread(lambda: console(common=common)) == 0
        link = urlsplit(str(says()["link"]))
        assert link.path == "/sign-in"
        [code] = parse_qs(link.query)["code"]
        use_link(home, code)
        with pytest.raises(Unauthenticated):
            use_link(home, code)


async def test_what_is_down_is_told_with_the_exit_code(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = configured(home.parent, f"backends: {{lost: {BROKEN}}}\n")
    async with up(common, home):
        assert await asyncio.to_thread(lambda: status(common=Common(common.config))) == 1
        said = capsys.readouterr()
        assert "backend\tdown\tlost\tstdio\t" in said.out
        assert "The backend lost is not running" in said.err
        assert await asyncio.to_thread(lambda: doctor(common=common)) == 1
        found = json.loads(capsys.readouterr().out)
    assert not found["ok"]
    assert {one["check"] for one in found["findings"] if one["state"] == "failed"} == {"gateway"}


async def test_the_gateway_of_another_home_is_not_taken_for_this_ones(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = configured(home.parent)
    async with up(common, home):
        monkeypatch.setenv("TOOLWARD_HOME", str(tmp_path / "other"))
        for command in (status, console):
            with pytest.raises(Unauthenticated, match="does not know this installation's secret"):
                await asyncio.to_thread(lambda: command(common=common))  # noqa: B023 -- done at once
    assert not (tmp_path / "other" / "sign-in").exists()
    with pytest.raises(Unavailable, match="No gateway answers"):
        await asyncio.to_thread(lambda: status(common=common))


async def test_another_program_at_the_address_is_told(home: Path, says: Says) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        common = Common(home.parent / "toolward.yaml", json=True)
        port = server.sockets[0].getsockname()[1]
        (home.parent / "toolward.yaml").write_text(f"version: 1\nhttp: 127.0.0.1:{port}\n")
        with pytest.raises(InvalidResult, match="no gateway of ours"):
            await asyncio.to_thread(lambda: status(common=common))
        assert await asyncio.to_thread(lambda: doctor(offline=True, common=common)) == 1
        assert "gateway" in {one["check"] for one in says()["findings"] if one["state"] == "failed"}


def test_the_doctor_starts_what_nobody_has_started_and_leaves_nothing_pinned(home: Path, says: Says) -> None:
    common = configured(home.parent, f"backends: {{calc: {SERVER}}}\n")
    assert doctor(common=common) == 0
    found = {one["check"]: one for one in says()["findings"]}
    assert found["backends"]["said"] == "calc answers, with 4 tools"
    assert found["ports"]["state"] == "ok"
    assert (found["models"]["state"], found["models"]["remedy"][:14]) == ("warn", "Name one under")
    assert not (home.parent / "tools.lock").exists()


def test_everything_that_is_wrong_has_its_remedy(home: Path, says: Says) -> None:
    home.mkdir(mode=0o755)
    (home / "secret").write_text("x")
    (home / "secret").chmod(0o644)
    (home / "keys.json").write_text("{")
    (home / "keys.json").chmod(0o600)
    (home / "ledger.db").write_text("no ledger")
    (home.parent / "bad.yaml").write_text("version: 1\nrules: [{id: a, efect: allow}]\n")
    (home.parent / "agent.yaml").write_text("nothing: known\n")
    model = "models: {default: {wire: openai_chat, base_url: 'http://127.0.0.1:9/v1', model: m}}\n"
    common = configured(home.parent, f"policies: [bad.yaml]\nagents: [agent.yaml]\n{model}")
    assert doctor(offline=True, common=common) == 1
    found = says()["findings"]
    wrong = {one["check"] for one in found if one["state"] == "failed"}
    assert wrong == {"home", "policy", "agents", "keys", "ledger"}
    assert ("home", "warn") in {(one["check"], one["state"]) for one in found}
    assert all(one["remedy"] for one in found if one["state"] in ("warn", "failed"))
    assert doctor(common=configured(home.parent, "htp: 1\n")) == 1
    configuration, rest = says()["findings"][-2:]
    assert (configuration["check"], rest["check"]) == ("configuration", "the rest")
    assert "toolward.yaml" in configuration["remedy"]  # `config show` refuses it, too


def test_logs_are_shown_to_where_a_server_has_written_some(home: Path, says: Says) -> None:
    speaks = '{command: [sh, -c, "echo no licence >&2; exit 3"]}'
    more = f"backends: {{speaks: {speaks}, none: {{command: [no-such-program]}}}}\n"
    assert doctor(common=configured(home.parent, more)) == 1
    remedies = [one["remedy"] for one in says()["findings"] if one["check"] == "backends"]
    assert ["toolward backend logs" in one for one in remedies] == [True, False]
    assert all(remedies)


async def test_what_holds_the_address_and_says_nothing_is_told_with_a_remedy(
    home: Path, says: Says, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.running._SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (home.parent / "toolward.yaml").write_text(
            f"version: 1\nhttp: 127.0.0.1:{silent.getsockname()[1]}\ngrpc: 127.0.0.1:{free_port()}\n"
        )
        common = Common(home.parent / "toolward.yaml", json=True)
        assert await asyncio.to_thread(lambda: doctor(offline=True, common=common)) == 1
    (found,) = (one for one in says()["findings"] if one["check"] == "gateway")
    assert "did not answer" in found["said"]
    assert "http:" in found["remedy"]


def test_packages_that_are_missing_or_old_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = [
        "msgspec>=99.1",
        "nothing-such>=1",
        "lark>=99; extra == 'calculator'",
        "pytest>=99; extra == 'dev'",
    ]

    def requires(_: str) -> list[str]:
        return needs

    monkeypatch.setattr(computer, "requires", requires)
    first, second = computer.of_packages()
    assert (first.state, second.state) == ("failed", "warn")
    assert "msgspec>=99.1 (there is" in first.said
    assert "nothing-such" in first.said
    assert "lark" in second.said
    assert second.remedy == "pip install 'toolward[calculator]'"


def test_packages_of_servers_that_run_elsewhere_are_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway's own image has none of them, and no remedy would get them there."""
    (tmp_path / "toolward.yaml").write_text("""
version: 1
backends:
  calculator: {command: [/usr/bin/python3, -m, toolservers.calculator]}
  crm: {url: "http://127.0.0.1:8740/mcp", start: [toolserver, crm, --http, "127.0.0.1:8740"]}
  search: {url: "http://127.0.0.1:8720/mcp"}
""")
    settings = read_settings(tmp_path / "toolward.yaml", {})
    assert computer.servers_started(settings) == {"calculator", "crm"}

    def requires(_: str) -> list[str]:
        return ["nothing-such; extra == 'crm'", "nothing-such; extra == 'search'"]

    monkeypatch.setattr(computer, "requires", requires)
    said = list(computer.of_packages(computer.servers_started(settings)))
    assert [one.said for one in said] == ["the extra crm lacks nothing-such"]


@pytest.mark.parametrize(
    ("free", "state"), [(computer.EMPTY - 1, "failed"), (computer.LOW - 1, "warn"), (computer.LOW, "ok")]
)
def test_a_disk_that_fills_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: str
) -> None:
    def usage(_: Path) -> SimpleNamespace:
        return SimpleNamespace(free=free)

    monkeypatch.setattr(computer.shutil, "disk_usage", usage)
    assert computer.of_disk(tmp_path / "not" / "there").state == state


def test_a_clock_that_cannot_be_right_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert computer.of_clock(tmp_path).state == "ok"
    now = computer.time.time
    monkeypatch.setattr(computer.time, "time", lambda: now() + 60)
    assert computer.of_clock(tmp_path).state == "warn"
    monkeypatch.setattr(computer.time, "time", lambda: 1_000_000)
    assert computer.of_clock(tmp_path).state == "failed"
