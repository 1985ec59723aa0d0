"""Under the default `toolward up` nobody approves or reads anything who does not have the installation's secret:
not another user of this computer, not a tool server with what it was given, not a web page with a name of its own.

Not shown, for it is not so: a process of the same user can read that user's files (docs/threat-model.md).
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.e2e.command import IMPORTED, Up, free_port
from tests.servers.thief import attempts

ROOT = Path(__file__).parents[2]
NOBODY = 65534
OPEN_TO_ALL = {"/healthz", "/readyz"}
"""They say that the gateway is there, which whoever asks knows by the answer."""

CONFIG = """
version: 1
http: 127.0.0.1:{http}
grpc: 127.0.0.1:{grpc}
backends:
  thief:
    command: [{python}, -m, tests.servers.thief]
    env: {{PYTHONPATH: {root}}}
    on_behalf_of: true
    timeout: 120
"""


class House(NamedTuple):
    """A gateway that runs, the request that waits in it, and what its tool server got."""

    home: Path
    http: str
    grpc: str
    waiting: str
    stolen: dict[str, Any]

    @property
    def secret(self) -> str:
        return (self.home / "secret").read_text()


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    # Not where pytest puts its folders: those keep others out by themselves, and here we are to.
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    home, project = folder / "state" / "home", folder / "project"
    for made in (home.parent, project):
        made.mkdir()
    (project / ".env").write_text("TOKEN=sixteen-characters-or-many-more-of-them\n")
    config = project / "toolward.yaml"
    python, root = json.dumps(sys.executable), json.dumps(str(ROOT))
    config.write_text(CONFIG.format(http=free_port(), grpc=free_port(), python=python, root=root))
    up = Up(home, config, folder=project)
    try:
        yield opened(home, up)
    finally:
        up.stop(signal.SIGKILL)
        shutil.rmtree(folder)


def opened(home: Path, up: Up) -> House:
    """The local person asks for two calls, and approves one."""
    give_up = time.monotonic() + 60
    http, grpc = up.where["http"].removeprefix("http://"), up.where["grpc"]
    bearer = {"authorization": f"Bearer {(home / 'secret').read_text()}"}
    with httpx.Client(base_url=up.where["http"], headers=bearer, timeout=120) as person:

        def asked(request: str) -> httpx.Response:
            return person.post(
                "/v1/tools/thief.steal/calls", json={"http": http, "grpc": grpc, "request": request}
            )

        while "request_id" not in (told := asked("none").json()):  # until the tool server has started
            assert told["code"] in ("unavailable", "unknown_tool"), told
            assert time.monotonic() < give_up, told
            time.sleep(0.2)
        waiting = told["request_id"]
        approval = asked(waiting).json()["request_id"]
        assert person.post(f"/v1/input-requests/{approval}/answer", json={"approve": True}).status_code == 200
        stolen = asked(waiting).json()["structured_content"]
    return House(home, http, grpc, waiting, stolen)


def still_waits(house: House) -> bool:
    headers = {"authorization": f"Bearer {house.secret}"}
    answer = httpx.get(f"http://{house.http}/v1/input-requests/{house.waiting}", headers=headers)
    return answer.json()["state"] == "open"


def test_a_tool_server_gets_nothing_with_what_it_was_given(house: House) -> None:
    assert house.stolen["got"] == []
    assert house.stolen["secrets"] > 10, "it tried next to nothing"
    assert house.stolen["descriptors"] <= 1
    assert not [name for name in house.stolen["names"] if name.startswith("TOOLWARD_") and "KEY" not in name]
    assert still_waits(house)


def test_the_very_attempts_get_everything_with_the_secret(house: House) -> None:
    got = asyncio.run(attempts(house.http, house.grpc, "no-such-request", [house.secret]))
    assert len(got) == 13, got


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be another user for a while"
)
def test_another_user_of_this_computer_reads_and_approves_nothing(house: House) -> None:
    files = [str(path) for path in (house.home, *house.home.rglob("*"))]
    assert {"secret", "ledger.db"} <= {Path(path).name for path in files}
    ours, theirs = IMPORTED.Pipe(duplex=False)
    process = IMPORTED.Process(target=stranger, args=(house.http, house.grpc, house.waiting, files, theirs))
    process.start()
    theirs.close()
    told = ours.recv() if ours.poll(60) else "nothing"
    process.join(20)
    assert told == {"user": NOBODY, "files": [], "got": []}
    assert still_waits(house)


def stranger(http: str, grpc: str, request: str, files: list[str], tell: Connection) -> None:
    """In a process of its own, as `nobody`; who can read no library either, so each must have been used before."""
    asyncio.run(attempts(http, grpc, request, ()))
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    opened = [path for path in files if can_read(path)]
    got = asyncio.run(attempts(http, grpc, request, ["", "secret", "local"]))
    tell.send({"user": os.geteuid(), "files": opened, "got": got})


def can_read(path: str) -> bool:
    try:
        os.listdir(path) if os.path.isdir(path) else os.close(os.open(path, os.O_RDONLY))
    except PermissionError:
        return False
    return True


@pytest.mark.parametrize("foreign", [{"host": "evil.example"}, {"origin": "https://evil.example"}], ids=str)
def test_a_foreign_host_or_origin_gets_nothing_on_any_route_with_a_good_token(
    house: House, foreign: dict[str, str]
) -> None:
    with httpx.Client(base_url=f"http://{house.http}") as client:
        client.headers["authorization"] = f"Bearer {house.secret}"
        described = client.get("/openapi.json").json()["paths"]
        routes = [
            (method.upper(), path.replace("{request_id}", house.waiting))
            for path, methods in described.items()
            for method in methods
        ]
        assert len(routes) > 15
        routes += [("GET", path) for path in ("/openapi.json", "/docs", "/metrics", "/nowhere")]
        routes += [("POST", "/mcp"), ("GET", "/mcp"), ("DELETE", "/mcp/")]
        for method, path in routes:
            answer = client.request(method, path, headers=foreign, json={"approve": True})
            assert (path in OPEN_TO_ALL, answer.status_code) == (False, 403), f"{method} {path}"
        assert client.get("/v1/tools").status_code == 200, "the token was no good"
    assert still_waits(house)
