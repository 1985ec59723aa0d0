"""A running gateway whose files change: what they say takes effect whole, or not at all, without a restart."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from gateway.bootstrap import Gateway, local_person, open_doors, open_gateway, secret_file
from gateway.cli.up_said import say_what_runs
from gateway.config.find import Found, load_settings
from gateway.config.parse import read_settings
from gateway.config.settings import Settings
from gateway.config.trust import trust
from toolward.errors import DeadlineExceeded, Denied, Unavailable, UnknownTool
from toolward.types import CallContext, Principal, ToolCall, ToolResult

ROOT = Path(__file__).parents[2]
IN_TIME = 60.0  # seconds; nothing here waits for it where the code is right
SERVER = f'command: ["{sys.executable}", "-m", tests.servers.changing], env: {{PYTHONPATH: "{ROOT}"'
RUNS = "  - {id: runs, operations: ['run.*'], effect: allow}\n"
ALLOW = f"version: 1\nrules:\n{RUNS}  - {{id: all, tools: ['*'], effect: allow}}\n"
READ = "  - {id: read, operations: [backend.read], principals: ['role:operator'], effect: allow}\n"
DENY = "version: 1\nrules:\n  - {id: none, tools: ['*'], effect: deny}\n"


def to_json(**values: str) -> bytes:
    return json.dumps(values).encode()


def backend(name: str, mode: str = "a") -> str:
    return f"  {name}: {{{SERVER}, MODE: {mode}}}}}\n"


def config(*backends: str, rest: str = "") -> str:
    inside = "backends:\n" + "".join(backends) if backends else ""
    return f"version: 1\nhttp: 127.0.0.1:0\ngrpc: 127.0.0.1:0\npolicies: [policy.yaml]\n{rest}{inside}"


class House:
    """A gateway and its files."""

    def __init__(self, gateway: Gateway, folder: Path) -> None:
        self.gateway = gateway
        self._folder = folder
        self._outcomes: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()
        gateway.reload.on_outcome(lambda said, failed: self._outcomes.put_nowait((said, failed)))

    def write(self, name: str, text: str) -> None:
        """As editors do: a new file in the place of the old one."""
        new = self._folder / f"{name}.new"
        new.write_text(text)
        new.replace(self._folder / name)

    async def outcome(self, *, failed: bool = False) -> str:
        """What the next reading came to."""
        async with asyncio.timeout(IN_TIME):
            said, was = await self._outcomes.get()
        assert was is failed, said
        return said

    async def call(self, tool: str, arguments: bytes = b"{}") -> ToolResult:
        person = local_person(self.gateway.settings)
        outcome = await self.gateway.dispatch.call_tool(
            person, ToolCall(tool, arguments), CallContext(timeout=30)
        )
        assert isinstance(outcome, ToolResult)
        return outcome

    async def pid(self, name: str) -> int:
        """The process of a backend, once that answers, on a machine that is busy too."""
        async with asyncio.timeout(IN_TIME):
            changes = self.gateway.dispatch.watch()
            while self.gateway.dispatch.catalog.backends[name].problem:
                await anext(changes)
        structured: Any = (await self.call(f"{name}.talk", b'{"value": 1}')).structured
        return int(structured["process"])


@asynccontextmanager
async def house(
    folder: Path, text: str, load: Callable[[], Settings] | None = None
) -> AsyncGenerator[House, None]:
    (folder / "policy.yaml").write_text(ALLOW)
    (folder / "toolward.yaml").write_text(text)
    load = load or partial(read_settings, folder / "toolward.yaml", {})
    async with open_gateway(load(), folder / "home", load=load, environment={}) as gateway:
        yield House(gateway, folder)


async def test_the_status_says_of_a_backend_that_it_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lying = f'{{command: ["{sys.executable}", "-m", tests.servers.lying], env: {{PYTHONPATH: "{ROOT}"}}'
    async with house(tmp_path, config(backend("good"), f"  bad: {lying}, timeout: 0.3}}\n")) as it:
        await it.pid("good")
        before = {one["name"]: one["warning"] for one in it.gateway.reload.status()["backends"]}
        assert before == {"good": "", "bad": ""}
        hanging = await asyncio.gather(*(it.call("bad.hang") for _ in range(6)), return_exceptions=True)
        assert all(isinstance(error, DeadlineExceeded) for error in hanging), hanging
        status = it.gateway.reload.status()["backends"]
        after = {one["name"]: (one["problem"], one["warning"]) for one in status}
        assert after["good"] == ("", "")
        assert after["bad"][0] == ""
        assert "calls of it failed several times in a row" in after["bad"][1]
        async with open_doors(it.gateway) as opened:
            await say_what_runs(it.gateway, opened, 0)
        lines = capsys.readouterr().err.splitlines()
        assert any("warn" in line and "bad" in line and "they are refused" in line for line in lines)
        assert any("ok" in line and "good" in line for line in lines)


async def test_a_policy_takes_effect_and_a_broken_one_does_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(tmp_path, config(backend("one"))) as it:
        pid = await it.pid("one")
        it.write("policy.yaml", "version: 1\nrules:\n  - {id: all, tools: ['*'], efect: deny}\n")
        with caplog.at_level(logging.ERROR):
            said = await it.outcome(failed=True)
        assert "policy.yaml:3" in said
        assert "what it said before still is" in said
        assert "policy.yaml:3" in caplog.text
        assert "policy.yaml:3" in it.gateway.reload.status()["problem"]
        assert await it.pid("one") == pid  # the old policy allows it

        it.write("policy.yaml", DENY)
        assert "policy " in await it.outcome()
        assert it.gateway.reload.problem == ""
        with pytest.raises(UnknownTool):  # what is never allowed is not there
            await it.call("one.talk")

        it.write("policy.yaml", ALLOW)
        await it.outcome()
        assert await it.pid("one") == pid  # the same process all along


async def test_a_policy_that_does_not_fit_a_tool_denies_that_tool_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(tmp_path, config(backend("one"))) as it:
        bad = f"{ALLOW}  - {{id: typo, tools: [one.grow], effect: deny, when: args.nope == 1}}\n"
        it.write("policy.yaml", bad)
        await it.outcome()
        assert "Every call of one.grow is denied" in caplog.text
        with pytest.raises(Denied, match="does not fit"):
            await it.call("one.grow")
        assert await it.pid("one")


async def test_backends_come_and_go_and_the_unchanged_one_is_left_alone(tmp_path: Path) -> None:
    async with house(tmp_path, config(backend("kept"), backend("gone"), backend("new-mode"))) as it:
        kept, gone, old = await it.pid("kept"), await it.pid("gone"), await it.pid("new-mode")
        it.write("toolward.yaml", config(backend("added"), backend("kept"), backend("new-mode", "b")))
        assert await it.outcome() == "Now in force: added added; removed gone; changed new-mode"
        assert [one.backend for one in it.gateway.backends.listings()] == ["added", "kept", "new-mode"]
        assert await it.pid("kept") == kept
        assert await it.pid("new-mode") != old
        assert await it.pid("added")
        with pytest.raises(UnknownTool):
            await it.call("gone.talk")
        assert not [pid for pid in (gone, old) if psutil.pid_exists(pid)]


async def test_calls_under_way_on_a_backend_that_goes_are_finished_or_fail_clearly(tmp_path: Path) -> None:
    async with house(tmp_path, config(backend("gone"))) as it:
        await it.pid("gone")
        hanging = asyncio.create_task(it.call("gone.wait"))
        waiting = asyncio.create_task(it.call("gone.wait_for", to_json(path=str(tmp_path / "now"))))
        await it.pid("gone")  # both have been sent by now
        it.write("toolward.yaml", config())
        changes = it.gateway.dispatch.watch()
        await asyncio.wait_for(anext(changes), IN_TIME)
        with pytest.raises(UnknownTool):
            await it.call("gone.talk")
        (tmp_path / "now").touch()
        assert (await asyncio.wait_for(waiting, IN_TIME)).text == "it is there"
        with pytest.raises(Unavailable):
            await asyncio.wait_for(hanging, IN_TIME)
        assert await it.outcome() == "Now in force: removed gone"


async def test_a_broken_configuration_changes_nothing_until_it_is_whole_again(tmp_path: Path) -> None:
    async with house(tmp_path, config(backend("one"))) as it:
        pid = await it.pid("one")
        it.write("toolward.yaml", config(rest="agents: [gone.yaml]\n"))
        assert "agents[0] names" in await it.outcome(failed=True)
        assert await it.pid("one") == pid
        it.write("gone.yaml", "name: helper\ninstructions: Help.\n")  # mended by a file that was not known
        assert "agents (helper)" in await it.outcome()
        agents = await it.gateway.runs.list_agents(Principal("local", ("operator",)))
        assert [agent.name for agent in agents] == ["helper"]
        with pytest.raises(UnknownTool):
            await it.call("one.talk")
        it.write("toolward.yaml", config(rest="http: 127.0.0.1:1\n").replace("http: 127.0.0.1:0\n", ""))
        assert "only after a restart: http" in await it.outcome()
        assert it.gateway.reload.status()["restart_for"] == ("http",)


async def test_the_instructions_beside_an_agent_are_watched_too(tmp_path: Path) -> None:
    async with house(tmp_path, config()) as it:
        changes = it.gateway.dispatch.watch()
        it.write("helper.md", "Help.\n")
        it.write("helper.yaml", "name: helper\ninstructions_file: helper.md\n")
        it.write("toolward.yaml", config(rest="agents: [helper.yaml]\nmcp: {tool_search: never}\n"))
        assert "agents (helper)" in (said := await it.outcome())
        assert "mcp" in said
        await anext(changes)
        person = local_person(it.gateway.settings)
        assert "agents.helper" in [entry.name for entry in it.gateway.dispatch.visible(person)]
        it.write("helper.md", "Help at once.\n")
        assert "agents (helper)" in await it.outcome()
        assert it.gateway.reload.agents["helper"].instructions == "Help at once.\n"
        it.write("helper.yaml", "name: helper\ninstructions: Help.\nmodel: nobody\n")
        assert "names the model endpoint 'nobody'" in await it.outcome(failed=True)
        assert it.gateway.reload.agents["helper"].models == ("default",)


async def test_a_link_that_is_switched_is_a_change(tmp_path: Path) -> None:
    """As Kubernetes mounts config maps."""
    for name, text in (("v1", ALLOW), ("v2", DENY)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.yaml").write_text(text)
    (tmp_path / "data").symlink_to("v1")
    text = config(backend("one")).replace("policy.yaml", "data/mine.yaml")
    async with house(tmp_path, text) as it:
        await it.pid("one")
        (tmp_path / "data.new").symlink_to("v2")
        (tmp_path / "data.new").replace(tmp_path / "data")
        await it.outcome()
        with pytest.raises(UnknownTool):
            await it.call("one.talk")


async def test_a_nudge_reads_at_once_and_a_touch_changes_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, config()) as it:
        version = it.gateway.dispatch.policy
        os.utime(tmp_path / "policy.yaml")
        it.gateway.reload.nudge()
        assert await it.outcome() == "Nothing has changed."
        assert it.gateway.dispatch.policy is version


async def test_tokens_and_the_files_that_they_lie_in_take_effect(tmp_path: Path) -> None:
    (tmp_path / "ada.token").write_text("first-token")
    principals = "principals: [{id: local, roles: [operator]}, {id: ada, token: '${file:ada.token}'}]\n"
    async with (
        house(tmp_path, config(rest=principals)) as it,
        open_doors(it.gateway) as at,
        httpx.AsyncClient(base_url=f"http://{at.http}") as client,
    ):

        async def status(token: str, path: str = "/v1/tools") -> int:
            return (await client.get(path, headers={"authorization": f"Bearer {token}"})).status_code

        it.write("policy.yaml", ALLOW + READ)
        await it.outcome()
        assert await status("first-token") == 200
        assert await status("first-token", "/v1/status") == 403
        it.write("ada.token", "second-token")
        assert await it.outcome() == "Now in force: principals"
        assert await status("first-token") == 401
        assert await status("second-token") == 200
        it.write("toolward.yaml", config())
        await it.outcome()
        assert await status("second-token") == 401
        assert await status(secret_file(it.gateway.home).read_text(), "/v1/status") == 200


async def test_policy_decides_who_reads_the_status_and_a_backend_that_is_denied_denies_it(
    tmp_path: Path,
) -> None:
    async with (
        house(tmp_path, config(backend("one"))) as it,
        open_doors(it.gateway) as at,
        httpx.AsyncClient(base_url=f"http://{at.http}") as client,
    ):
        headers = {"authorization": f"Bearer {secret_file(it.gateway.home).read_text()}"}

        async def status() -> dict[str, Any]:
            return (await client.get("/v1/status", headers=headers)).json()

        assert (await status())["detail"].startswith("Policy denies backend.read to local: no rule allows")
        it.write("policy.yaml", ALLOW + READ)
        await it.outcome()
        assert [one["name"] for one in (await status())["backends"]] == ["one"]
        secret = READ.replace("read,", "secret, when: resource.backend == 'one',")
        it.write("policy.yaml", ALLOW + READ + secret.replace("effect: allow", "effect: deny"))
        await it.outcome()
        denied = await status()
        assert (denied["code"], denied["rule"]) == ("denied", "secret")
        assert "backends" not in denied


async def test_a_found_configuration_that_changes_waits_for_trust(tmp_path: Path) -> None:
    home, path = tmp_path / "home", tmp_path / "toolward.yaml"
    home.mkdir()
    path.write_text(config())
    (tmp_path / "policy.yaml").write_text(ALLOW)
    trust(path, read_settings(path, {}), home)
    load = partial(load_settings, Found("working directory", path), home, {})
    async with house(tmp_path, config(), load) as it:
        it.write("toolward.yaml", config(backend("one")))
        assert "+ one: starts" in await it.outcome(failed=True)
        assert it.gateway.backends.listings() == ()
        trust(path, read_settings(path, {}), home)
        assert await it.outcome() == "Now in force: added one"
        assert await it.pid("one")


async def test_a_model_endpoint_that_changes_takes_effect_and_one_that_cannot_be_made_does_not(
    tmp_path: Path,
) -> None:
    def model(name: str, **more: str) -> str:
        known = {"wire": "openai_chat", "base_url": "http://127.0.0.1:1/v1", "model": name, **more}
        return config(rest=f"models: {{main: {json.dumps(known)}}}\n")

    async with house(tmp_path, model("one")) as it:
        before = it.gateway.models.endpoint("main")
        it.write("toolward.yaml", model("two", api_key="two words"))
        assert "models.main.api_key holds what no key does" in await it.outcome(failed=True)
        assert it.gateway.models.endpoint("main") is before
        it.write("toolward.yaml", model("two"))
        assert await it.outcome() == "Now in force: models"
        assert it.gateway.models.endpoint("main").facts.model == "two"
        assert before.facts.model == "one"
        assert it.gateway.reload.restart == ()
        main, offline = it.gateway.reload.status()["models"]
        assert main == {"name": "main", "wire": "openai_chat", "model": "two", "problem": ""}
        assert offline["wire"] == "offline"
