"""A gateway that runs: asked by the command line and by others, stopped, killed, in the way of another."""

import signal
from pathlib import Path

import httpx
import psutil

from gateway.agent.definition import AgentDefinition
from gateway.agent.events import RunStarted
from gateway.agent.state import begin
from gateway.agent.stored import encode
from gateway.config.find import make_home
from gateway.core.ports import RunRecord
from gateway.ledger.ledger import Ledger
from tests.e2e.command import SHIPPED, Up, four_servers, serving, toolward


def test_up_serves_commands_and_programs_and_ends_without_orphans(tmp_path: Path) -> None:
    home, config = tmp_path / "home", four_servers(tmp_path)
    up = Up(home, config)
    try:
        children = up.descendants()  # on Linux each server has a supervisor
        for server in SHIPPED:
            module = f"toolservers.{server}"
            assert [child for child in children if module in child.cmdline()], f"{module} does not run"

        listed = toolward(home, "tool", "list", "--json", "--config", str(config)).json
        assert len(listed["tools"]) == 29 + 6  # the servers'; three agents, and what is done with runs

        asked = toolward(home, "ask", "What is 12.5% of 249.90?", "--config", str(config))
        assert (asked.code, "31.2375" in asked.out) == (0, True), asked.err

        runs = toolward(home, "run", "list", "--json", "--config", str(config)).json["runs"]
        assert [run["state"] for run in runs] == ["completed"]
        shown = toolward(home, "run", "show", runs[0]["id"], "--config", str(config))
        assert "calculator.calculate" in shown.out
        assert "31.2375" in shown.out

        token = (home / "secret").read_text()
        headers = {"authorization": f"Bearer {token}"}
        with httpx.Client(base_url=up.where["http"], headers=headers) as client:
            events = client.get(f"/v1/runs/{runs[0]['id']}/events", headers={"last-event-id": "2"}).text
            assert "id: 3" in events
            assert "id: 2\n" not in events
            assert client.get("/openapi.json").json()["openapi"].startswith("3.1")
    finally:
        code = up.stop()
    assert code == 0
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def test_an_approval_waits_through_a_restart(tmp_path: Path) -> None:
    home, config = tmp_path / "home", serving(tmp_path, "crm")
    where = ("--config", str(config))
    up = Up(home, config)
    try:
        asked = toolward(
            home, "ask", "Refund 5.00 EUR of payment PAY-5007 because the cup was broken", *where
        )
        assert asked.code == 5, asked.err
    finally:
        up.stop(signal.SIGKILL)
    up = Up(home, config)
    try:
        (request,) = toolward(home, "inbox", "list", "--json", *where).json["input_requests"]
        assert request["detail"]["arguments"]["amount_minor"] == 500
        approved = toolward(home, "inbox", "approve", request["id"], *where)
        assert approved.code == 0, approved.err
        record = toolward(
            home, "tool", "call", "crm.get_record", '{"record_id": "PAY-5007"}', "--json", *where
        ).json
        assert [refund["amount"]["amount_minor"] for refund in record["structured_content"]["refunds"]] == [
            500
        ]
        assert toolward(home, "inbox", "approve", request["id"], *where).code == 1
    finally:
        assert up.stop(signal.SIGTERM) == 0


def test_a_port_in_use_is_named_with_the_remedy_and_a_stranger_with_another_secret_is_told_so(
    tmp_path: Path,
) -> None:
    home, config = tmp_path / "home", serving(tmp_path)
    up = Up(home, config)
    try:
        second = toolward(tmp_path / "other", "up", "--config", str(config))
        assert second.code == 1
        address = up.where["http"].removeprefix("http://")
        assert second.err.startswith(
            f"toolward: Cannot listen on {address}: "
        )  # before any server is started
        assert "http: 127.0.0.1:PORT in toolward.yaml" in second.err

        again = toolward(home, "up", "--config", str(config), "--json")
        assert again.code == 1
        assert again.json["error"]["message"] == (
            f"The gateway of this installation runs already, at http://{address} (process {up.process.pid})."
        )
        assert "toolward console" in again.json["error"]["hint"]

        other = toolward(tmp_path / "other", "tool", "list", "--config", str(config))
        assert other.code == 4
        assert "does not know this installation's secret" in other.err
    finally:
        up.stop()


async def left_behind(home: Path) -> str:
    """A run that a gateway had stored and not begun when it was killed."""
    agent = AgentDefinition(name="support", instructions="Help.", tools=("crm.*",))
    started = RunStarted(
        agent="support",
        owner="local",
        tenant="default",
        input="Where is my order ORD-1003?",
        definition=agent,
    )
    state = begin("run_left_behind", started, 1_790_000_000_000)
    async with Ledger.open(home / "ledger.db") as ledger:
        await ledger.create(RunRecord(state.run, "default", ("operator",)), [encode(started)])
    return state.run.id


async def test_unfinished_runs_go_on_when_their_tools_are_there(tmp_path: Path) -> None:
    home, config = tmp_path / "home", serving(tmp_path, "crm")
    make_home(home)
    run_id = await left_behind(home)
    up = Up(home, config)
    try:
        assert up.where["resumed"] == 1
        watched = toolward(home, "run", "watch", run_id, "--config", str(config))
        assert watched.code == 0, watched.err
        shown = toolward(home, "run", "show", run_id, "--config", str(config)).out
    finally:
        up.stop()
    assert "Order ORD-1003" in shown, "it was taken up before its tool was there"


async def test_unfinished_runs_are_left_where_that_is_wished(tmp_path: Path) -> None:
    home, config = tmp_path / "home", serving(tmp_path, "calculator")
    make_home(home)
    run_id = await left_behind(home)
    up = Up(home, config, "--no-resume")
    try:
        assert up.where["resumed"] == 0
        asked = toolward(home, "ask", "What is 2 + 2?", "--config", str(config))
        assert asked.code == 0, asked.err
        listed = toolward(home, "run", "list", "--json", "--config", str(config)).json["runs"]
        assert {run["id"]: run["state"] for run in listed}[run_id] == "queued"
    finally:
        up.stop()
