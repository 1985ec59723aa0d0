"""`toolward run`: runs listed by filter, watched, paused, gone on with, retried, rated, at a gateway that runs."""

import socket
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command import BIN, Done, Up, serving, toolward

QUESTION = "What is 12.5% of 249.90?"
REFUND = "Refund 5.00 EUR of payment PAY-5007 because the cup was broken"


class Desk:
    def __init__(self, folder: Path) -> None:
        self.home, self.config = folder / "home", serving(folder, "calculator", "crm")
        self.up = Up(self.home, self.config)

    def run(self, *words: str) -> Done:
        return toolward(self.home, "run", *words, "--config", str(self.config))

    def ask(self, question: str) -> Any:
        """The run that it became."""
        done = toolward(self.home, "ask", question, "--json", "--config", str(self.config))
        return done.lines[-1]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Generator[Desk, None, None]:
    desk = Desk(tmp_path_factory.mktemp("desk"))
    try:
        yield desk
    finally:
        desk.up.stop()


@pytest.fixture(scope="module")
def asked(desk: Desk) -> Any:
    return desk.ask(QUESTION)


@pytest.fixture(scope="module")
def waiting(desk: Desk) -> Any:
    run = desk.ask(REFUND)
    assert run["state"] == "input_required"
    return run


def ids(done: Done) -> list[str]:
    assert done.code == 0, done.err
    return [run["id"] for run in done.json["runs"]]


def test_runs_are_found_by_what_they_were(desk: Desk, asked: Any, waiting: Any) -> None:
    ours = ("--json", "--since", "1h", "--agent", "support")
    assert set(ids(desk.run("list", *ours))) >= {asked["id"], waiting["id"]}
    assert waiting["id"] not in ids(desk.run("list", *ours, "--state", "completed"))
    assert asked["id"] in ids(desk.run("list", *ours, "--tool", "calculator.calculate"))
    assert waiting["id"] not in ids(desk.run("list", *ours, "--tool", "calculator.calculate"))
    assert ids(desk.run("list", "--json", "--until", "1h")) == []
    assert ids(desk.run("list", "--json", "--min-tokens", "100000000")) == []
    assert ids(desk.run("list", "--json", "--agent", "nobody")) == []
    row = next(line for line in desk.run("list").out.splitlines() if asked["id"] in line).split("\t")
    assert row[2:5] == ["support", asked["owner"], "completed"]


def test_pages_of_runs_go_on_by_their_cursor(desk: Desk, asked: Any, waiting: Any) -> None:
    first = desk.run("list", "--json", "--limit", "1")
    (newest,) = ids(first)
    rest = desk.run("list", "--json", "--limit", "1", "--cursor", first.json["next_cursor"])
    assert ids(rest)[0] != newest
    assert "There are more: --cursor" in desk.run("list", "--limit", "1").err


@pytest.mark.parametrize("option", ["--since", "--until"])
def test_a_time_that_is_none_is_told_with_what_to_write(desk: Desk, option: str) -> None:
    done = desk.run("list", option, "yesterday")
    assert (done.code, f"{option} 'yesterday' is no time" in done.err) == (2, True)
    assert "2026-11-25" in done.err


def test_a_run_is_watched_from_its_beginning_and_from_behind_an_event(desk: Desk, asked: Any) -> None:
    whole = desk.run("watch", asked["id"], "--json")
    assert whole.code == 0, whole.err
    *events, run = whole.lines
    assert [event["seq"] for event in events] == list(range(1, run["last_seq"] + 1))
    assert (run["id"], "31.2375" in run["answer"]) == (asked["id"], True)
    assert desk.run("watch", asked["id"], "--json", "--after", "2").lines == whole.lines[2:]
    shown = desk.run("watch", asked["id"])
    assert "calculator.calculate" in shown.err
    assert "31.2375" in shown.out


def test_an_outcome_is_told_with_its_call_though_that_came_before_what_is_watched(
    desk: Desk, asked: Any
) -> None:
    events = desk.run("watch", asked["id"], "--json").lines[:-1]
    called = next(event["seq"] for event in events if event["type"] == "tool_called")
    told = desk.run("watch", asked["id"], "--after", str(called)).err
    assert "agent support" not in told
    assert 'calculator.calculate  {"expression"' in told


def test_who_watches_a_run_that_waits_for_a_person_is_told_so(desk: Desk, waiting: Any) -> None:
    for after in ("0", str(waiting["last_seq"])):
        done = desk.run("watch", waiting["id"], "--after", after)
        assert done.code == 5, done.err
        assert "toolward inbox list" in done.err


def test_a_run_is_paused_and_goes_on(desk: Desk, waiting: Any) -> None:
    paused = desk.run("pause", waiting["id"])
    assert (paused.code, paused.err) == (0, f"{waiting['id']} is paused.\n")
    watched = desk.run("watch", waiting["id"])
    assert (watched.code, f"toolward run resume {waiting['id']}" in watched.err) == (5, True)
    resumed = desk.run("resume", waiting["id"])
    assert resumed.code == 5, resumed.err
    assert "waits for a person" in resumed.err
    assert desk.run("resume", waiting["id"], "--no-wait", "--json").json["state"] == "input_required"


def test_a_conversation_goes_on_and_is_watched_to_its_answer(desk: Desk, asked: Any) -> None:
    sent = desk.run("send", asked["id"], "And what is 10% of 250?")
    assert sent.code == 0, sent.err
    assert "25" in sent.out
    assert "And what is 10% of 250?" in desk.run("watch", asked["id"]).err
    run = desk.run("send", asked["id"], "What is 2 + 2?", "--no-wait", "--json").json
    assert run["id"] == asked["id"]
    *_, after = desk.run("watch", asked["id"], "--json").lines
    assert after["state"] == "completed"
    assert "4" in after["answer"]


def test_a_run_is_retried_from_an_event_as_a_new_one(desk: Desk, asked: Any) -> None:
    events = desk.run("watch", asked["id"], "--json").lines[:-1]
    after = next(event["seq"] for event in events if event["type"] == "tool_returned")
    retried = desk.run("retry", asked["id"], "--after", str(after), "--json")
    assert retried.code == 0, retried.err
    run = retried.lines[-1]
    assert (run["parent"], "31.2375" in run["answer"]) == (asked["id"], True)
    assert run["id"] != asked["id"]
    again = desk.run("retry", asked["id"], "--after", "1")  # what is not known to change nothing, once more
    assert (again.code, "toolward inbox list" in again.err) == (5, True)
    wrong = desk.run("retry", asked["id"], "--after", "999")
    assert (wrong.code, "has no event 999" in wrong.err) == (2, True)


@pytest.mark.parametrize("score", ["-1", "0.5", "1"])
def test_a_run_is_rated(desk: Desk, asked: Any, score: str) -> None:
    done = desk.run("rate", asked["id"], score, "--comment", "so so")
    assert (done.code, done.err) == (0, f"{asked['id']} is rated {score}.\n")
    assert desk.run("rate", asked["id"], "7").code == 2


def test_a_cancelled_run_is_not_gone_on_with(desk: Desk) -> None:
    run = desk.ask(REFUND)
    cancelled = desk.run("cancel", run["id"])
    assert (cancelled.code, cancelled.err) == (0, f"{run['id']} is cancelled.\n")
    refused = desk.run("send", run["id"], "And now?")
    assert (refused.code, "cancelled" in refused.err) == (1, True)


@pytest.mark.parametrize(
    "words",
    [
        ("watch",),
        ("pause",),
        ("resume",),
        ("cancel",),
        ("retry", "--after", "1"),
        ("send", "x"),
        ("rate", "1"),
    ],
    ids=lambda words: words[0],
)
def test_a_run_that_there_is_not_is_named(desk: Desk, words: tuple[str, ...]) -> None:
    done = desk.run(words[0], "run_404", *words[1:])
    assert (done.code, "run_404" in done.err) == (1, True)


def test_who_asks_at_a_gateway_that_is_killed_hears_how_to_watch_the_run_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # a model endpoint that never answers
        config = serving(tmp_path, "calculator")
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        model = f"models: {{default: {{wire: openai_chat, base_url: '{address}', model: m}}}}\n"
        config.write_text(config.read_text() + model)
        up = Up(tmp_path / "home", config)
        asking = subprocess.Popen(
            [str(BIN / "toolward"), "ask", QUESTION, "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={"PATH": str(BIN), "TOOLWARD_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)},
        )
        try:
            assert asking.stderr is not None
            first = asking.stderr.readline()
            assert first.startswith("run run_"), first
            up.process.kill()
            said = asking.communicate(timeout=60)[1]
        finally:
            asking.kill()
            up.process.kill()
            up.process.communicate()
    run_id = first.split()[1].rstrip(",")
    assert asking.returncode == 1
    assert f"{run_id} is not watched any more. The connection to" in said
    assert f"Watch it: toolward run watch {run_id}" in said
    assert "look before it is repeated" not in said
