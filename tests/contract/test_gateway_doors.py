"""The gateway answers the same at every door; one dead backend hides nothing of the others."""

import os
import sqlite3
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, closing, suppress
from pathlib import Path

import httpx
import pytest

from gateway.bootstrap import Gateway, ledger_file, local_person, open_doors, open_gateway, secret_file
from gateway.config.parse import read_settings
from tests.contract.cases import CASES, Case, check
from tests.contract.drivers import (
    FIXTURE,
    Driver,
    McpHttpDriver,
    ProviderDriver,
    RestDriver,
    grpc_driver,
    stdio_driver,
)
from toolward.errors import NotFound
from toolward.types import Answer

DOORS = ["memory", "grpc", "rest", "http legacy", "http modern", "stdio legacy", "stdio modern"]
AGENTS = ["clerk", "get_run", "cancel_run"]  # that this caller may do anything with
SHARED = [door for door in DOORS if not door.startswith("stdio")]  # those that share one ledger here
PLEASE = b'{"value":"please"}'
Drivers = dict[str, Driver]

CONFIG = """
version: 1
http: 127.0.0.1:0
grpc: 127.0.0.1:0
backends:
  fixture: {command: [COMMAND], env: {PYTHONPATH: ROOT}}
  dead: {grpc: "127.0.0.1:1"}
policies: [policy.yaml]
agents: [clerk.yaml, guard.yaml]
"""
AGENT = "{name: NAME, instructions: You help., description: Answers by itself., model: offline}"
POLICY = """
version: 1
rules:
  - {id: everything, principals: ["role:operator"], tools: ["fixture.*", "dead.*"], effect: allow}
  - id: no-thirteen
    description: Thirteen is not added.
    tools: [fixture.add]
    when: given.b && args.b == 13
    effect: deny
  - id: echo-asks
    tools: [fixture.echo]
    args: {required: [value], properties: {value: {const: please}}}
    effect: ask
    approvers: [self]
  - {id: inbox, principals: ["role:operator"], operations: ["request.*"], effect: allow}
  - {id: agents, principals: ["role:operator"], tools: ["agents.*"], effect: allow}
  - {id: starts, operations: [run.start], when: resource.agent == "clerk", effect: allow}
  - {id: own-runs, operations: [run.read, run.cancel], when: resource.owner == principal.id, effect: allow}
"""

OWN_CASES = [
    Case(
        "a call that policy denies",
        "add",
        b'{"a":1,"b":13}',
        "denied",
        "Policy denies this call of {tool}: the rule no-thirteen denies it: Thirteen is not added.",
    ),
    Case(
        "a tool of a dead backend", "dead.anything", b"{}", "unavailable", "The backend dead is not running"
    ),
    Case("a backend that there is not", "nobody.anything", b"{}", "unknown_tool", "There is no tool named"),
    Case("a run that there is not", "agents.get_run", b'{"run_id":"run_1"}', "not_found", "There is no run"),
    Case("an agent that one may not start", "agents.guard", b'{"input":"x"}', "unknown_tool"),
    Case("what one may do with no run", "agents.send_message", b"{}", "unknown_tool"),
    Case(
        "an agent that is asked for nothing", "agents.clerk", b'{"input":" "}', "invalid_arguments", "/input"
    ),
]


def write_config(folder: Path) -> Path:
    root = str(Path(__file__).parents[2])
    command = ", ".join(f'"{word}"' for word in FIXTURE)
    (folder / "policy.yaml").write_text(POLICY)
    for name in ("clerk", "guard"):
        (folder / f"{name}.yaml").write_text(AGENT.replace("NAME", name))
    path = folder / "toolward.yaml"
    path.write_text(CONFIG.replace("COMMAND", command).replace("ROOT", f'"{root}"'))
    return path


@pytest.fixture(scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[tuple[Gateway, Drivers], None]:
    folder = tmp_path_factory.mktemp("gateway")
    config, home = write_config(folder), folder / "home"
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(open_gateway(read_settings(config), home, environment={}))
        at = await stack.enter_async_context(open_doors(gateway))
        token = secret_file(home).read_text()
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=f"http://{at.http}", timeout=30))
        made: Drivers = {
            "memory": ProviderDriver(gateway.dispatch, local_person(gateway.settings)),
            "grpc": await stack.enter_async_context(grpc_driver(str(at.grpc), token)),
            "rest": RestDriver(client, token),
            "http legacy": McpHttpDriver(client, token, modern=False),
            "http modern": McpHttpDriver(client, token, modern=True),
        }
        for era in ("legacy", "modern"):
            environment = os.environ | {"TOOLWARD_HOME": str(folder / f"home-{era}")}
            command = (str(Path(sys.executable).parent / "toolward"), "mcp", "--config", str(config))
            stdio = stdio_driver(command, environment, modern=era == "modern")
            made[f"stdio {era}"] = await stack.enter_async_context(stdio)
        yield gateway, made


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("case", CASES + OWN_CASES, ids=lambda case: case.what)
async def test_every_door_answers_alike(opened: tuple[Gateway, Drivers], door: str, case: Case) -> None:
    tool = case.tool if "." in case.tool else f"fixture.{case.tool}"
    await check(opened[1][door], case, tool)


@pytest.mark.parametrize("door", DOORS)
async def test_every_door_lists_the_tools_of_those_that_live(
    opened: tuple[Gateway, Drivers], door: str
) -> None:
    names = await opened[1][door].names()
    assert "fixture.add" in names
    assert {name for name in names if name.startswith("agents.")} == {f"agents.{name}" for name in AGENTS}
    assert names == await opened[1]["memory"].names()


errors = [case for case in CASES + OWN_CASES if case.code != "ok"]


@pytest.mark.parametrize("case", errors, ids=lambda case: case.what)
async def test_errors_are_the_same_to_the_letter(opened: tuple[Gateway, Drivers], case: Case) -> None:
    tool = case.tool if "." in case.tool else f"fixture.{case.tool}"
    said = {(await opened[1][door].call(tool, case.arguments))[:2] for door in DOORS}
    assert len(said) == 1


@pytest.mark.parametrize("door", SHARED)
async def test_an_ask_waits_for_a_person_and_the_same_call_goes_through_once(
    opened: tuple[Gateway, Drivers], door: str
) -> None:
    gateway, drivers = opened
    person = local_person(gateway.settings)
    assert (await drivers[door].call("fixture.echo", PLEASE)).code == "approval_required"
    (request,) = await gateway.runs.list_input_requests(person)
    await gateway.runs.answer_input_request(person, request.id, Answer(approve=True))
    told = await drivers[door].call("fixture.echo", PLEASE)
    assert (told.code, told.structured) == ("ok", {"value": "please"})
    assert (await drivers[door].call("fixture.echo", PLEASE)).code == "approval_required"
    for open_one in await gateway.runs.list_input_requests(person):
        await gateway.runs.withdraw_input_request(person, open_one.id)


@pytest.mark.parametrize("door", DOORS)
async def test_an_agent_is_called_as_a_tool_and_its_run_looked_at_again(
    opened: tuple[Gateway, Drivers], door: str
) -> None:
    driver = opened[1][door]
    told = await driver.call("agents.clerk", b'{"input":"Hello."}')
    assert (told.code, told.structured["state"]) == ("ok", "completed")
    assert (
        told.structured["answer"]
        == (await opened[1]["memory"].call("agents.clerk", b'{"input":"Hello."}')).structured["answer"]
    )
    looked = await driver.call("agents__get_run", b'{"run_id":"%b"}' % told.structured["run_id"].encode())
    assert looked == told
    begun = await driver.call("agents.clerk", b'{"input":"Hello.","wait_seconds":0}')
    ended = await driver.call("agents.cancel_run", b'{"run_id":"%b"}' % begun.structured["run_id"].encode())
    assert ended.structured["state"] in ("cancelled", "completed")


async def test_a_denied_call_is_on_record_with_the_rule_that_decided(opened: tuple[Gateway, Drivers]) -> None:
    gateway, drivers = opened
    await drivers["rest"].call("fixture.add", b'{"a":77,"b":13}')
    with suppress(NotFound):
        await gateway.ledger.call_record("none")  # asks behind everything that was recorded before
    with closing(sqlite3.connect(ledger_file(gateway.home))) as database:
        rows = database.execute(
            "select effect, rule, code from call_records join call_outcomes on call_id = call_records.id "
            "where tool = 'fixture.add' and effect = 'deny'"
        ).fetchall()
    assert ("deny", "no-thirteen", "denied") in rows
