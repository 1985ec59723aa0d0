"""The benchmarks still run, and measure right answers; their figures are not looked at here."""

import json
import subprocess
import sys


def test_the_doors_can_be_measured() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.doors", "--rounds", "1", "--seconds", "0.15", "--json"],
        capture_output=True,
        timeout=100,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert {(one["door"], one["in_flight"]) for one in found["calls"]} == {
        (door, in_flight) for door in ("http", "stdio", "grpc") for in_flight in (1, 16, 64)
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
