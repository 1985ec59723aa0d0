"""Backup while a gateway writes, and the way back: nothing is done twice that was done since."""

import asyncio
import json
from pathlib import Path

import pytest

from gateway.agent.events import RunResumed
from gateway.bootstrap import local_person, open_gateway
from gateway.bootstrap.copies import MANIFEST, back_up, moved_aside, put_back, read_copy
from gateway.bootstrap.ledger import verify_ledger
from gateway.bootstrap.system import SystemClock
from gateway.cli import make_app
from gateway.config.find import make_home
from gateway.config.parse import read_settings
from gateway.config.settings import Settings
from gateway.core.digests import arguments_digest
from gateway.core.ports import RequestSpec
from gateway.ledger.ledger import Ledger
from gateway.runs.feed import Feed
from gateway.runs.journal import Journals
from tests.integration.run_house import ADA, Hanging, House, calls, says, until
from toolward.errors import ConfigurationError, Conflict
from toolward.types import Answer, InputRequest, RequestKind, RequestState, RunState


def request(number: int, kind: RequestKind) -> RequestSpec:
    asked = InputRequest(
        id=f"req_{number}",
        kind=kind,
        state=RequestState.OPEN,
        prompt="May it?",
        run_id="",
        detail={"principal": "local", "tenant": "default"},
        approvers=("self",),
        created_at=1,
        expires_at=0,
    )
    return RequestSpec(asked, "local", "default", "crm.refund", arguments_digest({"n": number}))


async def _wake(ledger: Ledger, run_id: str) -> None:
    journal = await Journals(ledger, SystemClock(), Feed()).take(run_id)
    await journal.amend(lambda _: (RunResumed(by="local"),))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "toolward.yaml"
    path.write_text("version: 1\nbackends: {}\n")
    return read_settings(path, {})


async def test_what_was_copied_while_a_gateway_ran_comes_back_safely(
    settings: Settings, tmp_path: Path
) -> None:
    home, copy, other = tmp_path / "home", tmp_path / "copy", tmp_path / "other"
    async with open_gateway(settings, home, environment={}) as gateway:
        person = local_person(settings)
        run = await gateway.runs.start_run(person, "support", "Where is ORD-1003?")
        await gateway.runs.pause_run(person, run.id)
        for number, kind in enumerate((RequestKind.APPROVAL, RequestKind.QUESTION)):
            await gateway.ledger.open_request(request(number, kind))
        await _wake(gateway.ledger, run.id)  # as if work on it stood still in this moment
        manifest = await asyncio.to_thread(back_up, settings, home, copy, "0")
        with pytest.raises(Conflict, match="A gateway runs"):
            put_back(home, copy, replace=True)
        secret = (home / "secret").read_text()
    assert {"home/ledger.db", "home/secret", "config/1-toolward.yaml"} <= set(manifest.files)
    assert copy.stat().st_mode & 0o777 == 0o700
    with pytest.raises(Conflict, match="holds an installation"):
        put_back(home, copy, replace=False)
    done = await asyncio.to_thread(put_back, other, copy, replace=False)
    assert (done.voided, [one.run for one in done.paused], done.kept) == (1, [run.id], None)
    assert (other / "secret").read_text() == secret
    assert (other / "secret").stat().st_mode & 0o777 == 0o600
    assert verify_ledger(settings, other, lambda _: None).is_whole
    async with Ledger.open(other / "ledger.db") as ledger:
        states = [(await ledger.get_request(f"req_{number}")).request.state for number in range(2)]
        assert states == [RequestState.VOID, RequestState.OPEN]
        assert [(await ledger.get(one)).run.state for one in await ledger.not_over()] == [RunState.PAUSED]
    again = await asyncio.to_thread(put_back, home, copy, replace=True)
    assert again.kept is not None
    assert (again.kept / "ledger.db").exists()
    assert (home / "ledger.db").exists()
    more = [
        (await asyncio.to_thread(put_back, home, copy, replace=True)).kept for _ in range(2)
    ]  # in one second
    assert moved_aside(home) == sorted(kept for kept in (again.kept, *more) if kept is not None)
    assert len(moved_aside(home)) == 3


async def test_a_copy_that_was_changed_is_refused_and_changes_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy"
    home.mkdir(mode=0o700)
    (home / "secret").write_text("first")
    back_up(settings, home, copy, "0")
    with pytest.raises(Conflict, match="not empty"):
        back_up(settings, home, copy, "0")
    with pytest.raises(Conflict, match="lies in what is to be copied"):
        back_up(settings, home, home / "copy", "0")
    (copy / "home" / "secret").write_text("other")
    with pytest.raises(ConfigurationError, match="not as it was written: home/secret"):
        put_back(home, copy, replace=True)
    (copy / "home" / "secret").write_text("first")
    (copy / "home" / "new").touch()
    with pytest.raises(ConfigurationError, match="home/new"):
        read_copy(copy)
    manifest = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps(manifest | {"version": 2}))
    with pytest.raises(ConfigurationError, match="another version"):
        read_copy(copy)
    with pytest.raises(ConfigurationError, match="is no backup"):
        read_copy(home)
    assert (home / "secret").read_text() == "first"


async def test_of_a_call_that_was_under_way_a_person_says_what_became_of_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`crm.note` keeps no keys: it may have happened, before or after the copy, so it is not made again."""
    home, copy, other = tmp_path / "home", tmp_path / "copy", tmp_path / "other"
    make_home(home)
    house = House(home / "ledger.db")
    house.script(calls(("note", "A")), says("Noted."))
    house.backends.answers["crm.note"] = slow = Hanging()
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Note it.")
        await slow.reached.wait()
        await asyncio.to_thread(back_up, settings, home, copy, "0")
        slow.let_go.set()
        await until(runs, run.id)  # here it goes on: what comes back knows nothing of that
    monkeypatch.setenv("TOOLWARD_HOME", str(other))
    words = ["restore", str(copy), "--config", str(tmp_path / "toolward.yaml")]
    assert await asyncio.to_thread(lambda: make_app()(words, exit_on_error=False)) == 0
    said = capsys.readouterr().err
    assert f"1 run is paused:\n  {run.id}  support, of ada; under way: crm.note\n" in said
    assert "toolward run resume RUN" in said
    assert "toolward inbox list" in said

    back = House(other / "ledger.db")
    model = back.script(says("It stands there."))
    async with back.open() as runs:
        assert (await runs.get_run(ADA, run.id)).state is RunState.PAUSED
        await runs.resume_run(ADA, run.id)
        await until(runs, run.id, "input_requested")
        [request] = await runs.list_input_requests(ADA, run.id)
        assert (request.kind, request.detail["tool"]) == (RequestKind.UNKNOWN_OUTCOME, "crm.note")
        await runs.answer_input_request(ADA, request.id, Answer(choice="happened"))
        await until(runs, run.id)
        assert (await runs.get_run(ADA, run.id)).answer == "It stands there."
    assert (back.made, len(model.requests)) == ([], 1)


def test_what_was_kept_of_clients_and_policies_comes_back_as_it_was(
    settings: Settings, tmp_path: Path
) -> None:
    home, copy, other = tmp_path / "home", tmp_path / "copy", tmp_path / "other"
    kept = {"clients/cursor.json": b"\xef\xbb\xbf{}\r\n", "policies-before/1-mine.yaml": b"version: 1\n"}
    for name, content in kept.items():
        (home / name).parent.mkdir(parents=True, mode=0o700)
        (home / name).write_bytes(content)
    back_up(settings, home, copy, "0")
    put_back(other, copy, replace=False)
    assert {name: (other / name).read_bytes() for name in kept} == kept
    assert (other / "clients").stat().st_mode & 0o777 == 0o700
