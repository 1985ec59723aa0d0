"""The benchmarks still run, and measure right answers; their figures are not looked at here."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.calculator import __main__ as calculator
from benchmarks.files.__main__ import measure as measure_files
from benchmarks.files.__main__ import tables as files_tables
from benchmarks.gateway import configured, layers, load, processes
from benchmarks.gateway.__main__ import MEASURED
from benchmarks.gateway.parts import Bounds, Compared
from benchmarks.gateway.report import Report, aims, text
from benchmarks.gateway.rounds import Row
from benchmarks.search import speed as search_speed
from gateway.config.parse import read_settings
from toolservers.crm.tools import server as crm
from toolward.types import CallContext, Principal, ToolCall, ToolResult


def test_the_doors_can_be_measured() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.doors",
            "--door",
            "grpc",
            "--rounds",
            "1",
            "--seconds",
            "0.15",
            "--json",
        ],
        capture_output=True,
        timeout=100,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert {(one["door"], one["in_flight"]) for one in found["calls"]} == {
        ("grpc", in_flight) for in_flight in (1, 16, 64)
    }
    assert all(one["ours_calls_per_second"] > 0 for one in found["calls"])
    assert found["start"]["ours_ms"] > 0


def test_the_cost_of_a_fault_can_be_measured() -> None:
    words = ["--fault", "hangs", "--rounds", "1", "--seconds", "0.3", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.faults", *words],
        capture_output=True,
        timeout=100,
        text=True,
        check=True,
    )
    (found,) = json.loads(done.stdout)["faults"]
    assert found["calls"] == 2 * 2 * 18
    assert found["p99_ratio"] > 0


def test_the_cost_of_runs_can_be_measured() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.runs", "--rounds", "1", "--small", "--json"],
        capture_output=True,
        timeout=100,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert len(found) == 5
    assert all(one["figure"] > 0 for one in found)


def test_the_cost_of_a_turn_can_be_measured() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.loop", "--rounds", "1", "--small", "--json"],
        capture_output=True,
        timeout=100,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)["cases"]
    assert [set(one["of"]) for one in found] == [{"ours", "bare"}, {"ours", "bare"}]
    assert all(of["cpu_ms"] > 0 for one in found for of in one["of"].values())


# --- the gateway's: no process of ours is started, which takes seconds --------------------------------------


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("upstream")
    try:
        program = processes.build_upstream(folder)
    except processes.Missing as why:
        pytest.skip(str(why))
    with processes.upstream(program, folder) as port:
        yield port


def test_the_gateways_upstream_answers_with_the_id_it_was_asked_with(upstream: int) -> None:
    for id_ in (7, 'a}"id":1'):
        asked = {"params": {"id": 1, "s": '"id":'}, "id": id_, "method": "ping", "jsonrpc": "2.0"}
        body, _ = load.ask(load.Target("upstream", upstream, 0, body=json.dumps(asked).encode()))
        assert json.loads(body) == {"jsonrpc": "2.0", "id": id_, "result": {}}
    assert load.check(load.Target("upstream", upstream, 0)) > len(load.ANSWER)


@pytest.mark.parametrize("layer", [layers.LAYERS[0], layers.LAYERS[-1]])
async def test_the_gateway_makes_the_call_with_few_and_with_all_layers(
    upstream: int, tmp_path: Path, layer: str
) -> None:
    settings = read_settings(configured.write(tmp_path, upstream))
    call = ToolCall("desk.tool_0", json.dumps(load.ARGUMENTS).encode())
    async with layers.provider(layer, settings, tmp_path) as provider:
        answer = await provider.call_tool(layers.ANYBODY, call, CallContext())
    assert isinstance(answer, ToolResult)
    assert load.ANSWER in str(answer.content)


def test_the_gateways_report_says_which_aims_are_met() -> None:
    nginx, ours = (load.Sample(1000 * n, 1, 6 / n, 60 / n, 100, 9) for n in (2, 1))
    theirs = load.Sample(20, 1, 1, 1, 100, 9)
    rows = [
        Row(name, 64, [sample])
        for name, sample in (("nginx", nginx), ("toolward", ours), ("fastmcp-shared", theirs))
    ]
    found = Report({}, Bounds(), Compared(rows, {"litellm": "it did not start"}), memory=[90, 99, 99, 120])
    assert set(found.__struct_fields__) > set(MEASURED)
    assert [aim.met for aim in aims(found)] == [True, True, True, True, True, False]
    assert "| toolward | 64 | 1,000 | 1.00 | 6.00 | 60 | 100 | 50.0% | 2.00 | 2.00 |" in text(found)
    assert "litellm did not take part (to the end): it did not start" in text(found)


def test_the_crm_can_be_measured() -> None:
    words = ["--rounds", "1", "--calls", "2", "--packs", "tiny", "--databases", "sqlite", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.crm", *words],
        capture_output=True,
        timeout=100,
        text=True,
        check=True,
    )
    found = {one["what"]: one["figure"] for one in json.loads(done.stdout)}
    assert all(figure > 0 for figure in found.values())
    named = {what.partition(",")[0].partition(" ")[0] for what in found}
    tools = {tool.name for tool in asyncio.run(crm.list_tools(Principal("anybody"))).tools}
    assert tools | {"reset_world", "save_snapshot", "restore_snapshot", "diff_world", "made"} == named


def test_the_calculator_can_be_measured() -> None:
    doors = ("alone", "with its worker")  # the third would start three processes more
    found = list(calculator.measure(1, 1, doors))
    assert all(one.p99 >= one.p50 > 0 for one in found)
    tools = {tool.name for tool in asyncio.run(calculator.server.list_tools(Principal("anybody"))).tools}
    asked = {(one.question.tool, one.door) for one in found}
    assert asked == {(tool, door) for tool in tools for door in doors}
    assert all(f"| `{tool}`, " in calculator.table(found) for tool in tools)


async def test_hunks_as_edits_can_be_measured(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in ("init -q", "add .", "commit -q -m 1", "commit -q -m 2 -a"):
        (tmp_path / "a.txt").write_text("".join(f"{words} {number}\n" for number in range(9)))
        await asyncio.to_thread(subprocess.run, [*git, *words.split()], check=True, timeout=60)
    replayed, ends = await measure_files(tmp_path, 2, peer=False, gigabytes=1)
    assert [(row.hunks, row.right) for row in replayed] == [(1, 1)] * 4
    assert [row.lines for row in ends] == [50, 50]
    assert "| UTF-8, `\\n` | toolward | 1 of 1 (100.0%) | 0 | 0 |" in files_tables(replayed, ends, 1)


async def test_the_speed_of_searches_can_be_measured() -> None:
    measured = await search_speed.measure(60, 20, 1, ())
    rows = {row.name: row for row in measured.rows}
    assert measured.passages >= 60
    assert rows["its leg by words, 100 passages"].agrees > 0.9
    assert all(row.p95 >= row.p50 > 0 for row in measured.rows)
    assert "| Toolward, hybrid |" in search_speed.text([measured])
