"""`toolward model list|check`, over a real endpoint of each wire."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from gateway.cli.model import check, list_models
from gateway.cli.session import Common
from gateway.core.model_spec import WireName
from tests.endpoints import Failure, Step, calls, refuses, says, scripted_endpoint
from toolward.errors import ConfigurationError

pytestmark = pytest.mark.anyio

WIRES = [one for one in get_args(WireName) if one != "offline"]
KEY = "sk-hunter2-hunter2"
GOOD: list[Step] = [
    says("ready"),
    says("one, two, three, four, five, six, seven"),
    calls(("get_door_code", {"door": "B"})),
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Commands:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._file = folder / "toolward.yaml"
        self._capsys = capsys

    def configure(self, **models: dict[str, Any]) -> None:
        self._file.write_text(json.dumps({"version": 1, "models": models}))

    async def run(
        self, command: Callable[..., int], *names: str, as_json: bool = False
    ) -> tuple[int, Any, str]:
        """Exit code, standard output, standard error."""
        common = Common(config=self._file, json=as_json)
        code = await asyncio.to_thread(command, *names, common=common)
        said = self._capsys.readouterr()
        assert KEY not in said.out + said.err
        return code, json.loads(said.out) if as_json else said.out, said.err


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("TOOLWARD_HOME", str(tmp_path / "home"))
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "TOOLWARD_MODEL_URL"):
        monkeypatch.delenv(name, raising=False)
    return Commands(tmp_path, capsys)


def model(url: str, wire: str = "openai_chat", **more: Any) -> dict[str, Any]:
    return {"wire": wire, "base_url": url, "model": "scripted", "api_key": KEY, **more}


@pytest.mark.parametrize("wire", WIRES)
async def test_an_endpoint_that_does_all(commands: Commands, wire: str) -> None:
    async with scripted_endpoint() as endpoint:
        commands.configure(main=model(endpoint.url, wire, prices={"input": 1, "output": 2}))
        endpoint.script(GOOD)
        code, out, err = await commands.run(check)
        assert code == 0, err
        name, served, answers, streams, tools, cost = out.strip().split("\t")
        assert (name, served, cost) == ("main", "scripted", "$0.000075")
        assert answers.startswith("yes, ")
        assert "first after" in streams
        assert tools.startswith("yes, ")
        assert "main: does it stream?" in err
        endpoint.script(GOOD)
        code, out, err = await commands.run(check, "main", as_json=True)
    assert (code, err, out["ok"], out["models"][0]["check"]["cost"]) == (0, "", True, 0.000075)
    assert out["models"][0]["check"]["calls_tools"]["ok"]
    assert [bool(one.json.get("stream")) for one in endpoint.requests[:3]] == [False, True, False]


@pytest.mark.parametrize(
    ("steps", "cells", "said"),
    [
        ([refuses(401)], ["no", "-", "-"], "Set models.main.api_key."),
        ([Failure(503, "later")], ["no", "-", "-"], "failed (HTTP 503): later."),
        ([says("ready"), says("one, two").sent(whole=True), GOOD[2]], ["y", "no", "y"], "stream: false"),
        ([*GOOD[:2], says("What is a door?")], ["y", "y", "no"], "tools: json_actions"),
        ([*GOOD[:2], calls(("get_door_code", {"room": 1}))], ["y", "y", "no"], "that do not fit it"),
    ],
    ids=["key", "down", "whole", "says", "arguments"],
)
async def test_what_an_endpoint_cannot_do_is_told_with_a_remedy(
    commands: Commands, steps: list[Step], cells: list[str], said: str
) -> None:
    async with scripted_endpoint() as endpoint:
        commands.configure(main=model(endpoint.url))
        endpoint.script(steps)
        code, out, err = await commands.run(check)
    assert code == 1
    assert [cell[: len(cells[place])] for place, cell in enumerate(out.split("\t")[2:5])] == cells
    assert said in err
    assert len(endpoint.requests) == len(steps)  # nothing is asked again
    if cells[0] == "y":
        assert out.rstrip().endswith("\tunpriced")


async def test_the_endpoint_of_the_environment_is_checked_too(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.configure()
    async with scripted_endpoint() as endpoint:
        for name, value in {"URL": endpoint.url, "NAME": "m", "KEY": KEY, "WIRE": "openai_responses"}.items():
            monkeypatch.setenv(f"TOOLWARD_MODEL_{name}", value)
        endpoint.script([*GOOD, refuses(503)])
        code, out, err = await commands.run(check)
        assert (code, out.split("\t")[0]) == (0, "default"), err
        code, out, _ = await commands.run(check, "default", as_json=True)
    assert (code, out["ok"], len(endpoint.requests)) == (1, False, 4)
    assert endpoint.requests[0].path == "/v1/responses"


async def test_one_that_does_not_stream_by_configuration_and_one_that_writes_its_calls(
    commands: Commands,
) -> None:
    async with scripted_endpoint() as endpoint:
        commands.configure(main=model(endpoint.url, stream=False, tools="json_actions"))
        action = {"type": "tool", "name": "get_door_code", "arguments": {"door": "B"}}
        endpoint.script([says("ready"), says(json.dumps(action))])
        code, out, err = await commands.run(check)
    assert (code, out.split("\t")[3]) == (0, "off"), err


async def test_nothing_to_check_and_nobody_of_that_name(commands: Commands) -> None:
    commands.configure()
    code, _, err = await commands.run(check)
    assert code == 1
    assert "No model endpoint is configured" in err
    code, _, err = await commands.run(check, "offline")
    assert (code, "stand-in that understands no language" in err) == (0, True)
    with pytest.raises(ConfigurationError, match="no model endpoint named 'offlin'"):
        await commands.run(check, "offlin")


async def test_the_list_says_what_each_costs_and_asks_nobody(commands: Commands) -> None:
    commands.configure(
        local=model("http://127.0.0.1:1/v1"),
        paid=model("http://127.0.0.1:1/v1", prices={"input": 2.5, "cached_input": 0.25, "output": 10}),
        known={"wire": "openai_responses", "model": "gpt-5-mini", "context_tokens": 5000},
    )
    code, out, err = await commands.run(list_models)
    rows = {row[0]: row for row in (line.split("\t") for line in out.splitlines())}
    assert code == 0
    assert rows["local"][1:] == ["openai_chat", "scripted", "http://127.0.0.1:1/v1", "", "unpriced"]
    assert rows["paid"][5] == "$2.5 input, $0.25 cached input, $10 output"
    assert rows["known"][3:5] == ["https://api.openai.com/v1", "5,000"]
    assert rows["known"][5].startswith("$")
    assert rows["offline"][5] == "free"
    assert "Agents that name none use local (scripted)." in err
    _, listed, _ = await commands.run(list_models, as_json=True)
    assert listed["default"] == "local"
    assert listed["models"][1]["prices"] == {"input": 2.5, "cached_input": 0.25, "output": 10}
    assert listed["models"][0]["prices"] is None
