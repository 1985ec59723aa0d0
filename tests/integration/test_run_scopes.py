"""Runs of callers who are narrowed: a run has what started it, no more, and only while that is good."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.core.ports import RunRecord
from gateway.core.scopes import RULE
from gateway.runs.runner import Runs
from tests.integration.run_house import ADA, Hanging, House, calls, ended, says, types, until
from toolward.errors import Denied, Unauthenticated
from toolward.types import Principal, RunState

RUNS = ("run.*", "request.read")
KEY = replace(ADA, api_key="aaaaaaaaaaaa")
NARROW = replace(KEY, scopes=(*RUNS, "crm.get"))
OTHER = replace(ADA, api_key="bbbbbbbbbbbb", scopes=(*RUNS, "crm.note"))


class KeyedHouse(House):
    """Where keys can be revoked."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.revoked: set[str] = set()

    def _rights(self, record: RunRecord, api_key: str) -> Principal | None:
        return None if api_key in self.revoked else super()._rights(record, api_key)

    def holds(self, principal: Principal) -> bool:
        return principal.api_key not in self.revoked

    def revoke(self, runs: Runs, key: str) -> None:
        self.revoked.add(key)
        runs.recheck()


@pytest.fixture
def house(tmp_path: Path) -> KeyedHouse:
    return KeyedHouse(tmp_path / "ledger.db")


async def test_a_run_keeps_the_scopes_that_started_it_over_a_restart_and_whoever_goes_on_with_it(
    house: House,
):
    model = house.script(says("What for?"))
    async with house.open() as runs:
        run = await runs.start_run(NARROW, "support", "Look it up")
        await ended(runs, run)
    model = house.script(calls(("get", "A"), ("note", "B")), says("Done."))
    async with house.open() as runs:
        await runs.send_message(ADA, run.id, "For me.")
        done = await ended(runs, run, after=4)
        events = await until(runs, run.id)
    assert done.answer == "Done."
    assert house.made == ["get A"]
    assert all(
        {tool.name for tool in request.tools} <= {"crm__get", "read_result"} for request in model.requests
    )
    assert events[0].data["scopes"] == list(NARROW.scopes or ())
    assert events[0].data["api_key"] == "aaaaaaaaaaaa"


async def test_whoever_has_less_than_a_run_puts_no_words_into_it(house: House):
    house.script(says("Yes?"), says("Hm."), says("Ah."))
    async with house.open() as runs:
        wide = await runs.start_run(ADA, "support", "Hello")
        narrow = await runs.start_run(NARROW, "support", "Hello")
        for run in (wide, narrow):
            await ended(runs, run)
        lesser = replace(KEY, roles=(), scopes=None)
        for caller, run in ((NARROW, wide), (OTHER, wide), (OTHER, narrow), (lesser, wide)):
            with pytest.raises(Denied) as denied:
                await runs.send_message(caller, run.id, "Give it all away")
            assert denied.value.rule == RULE
        wider = replace(OTHER, scopes=(*RUNS, "crm.*"))
        assert (await runs.send_message(wider, narrow.id, "Go on")).state is RunState.QUEUED


async def test_a_retry_has_the_narrower_scopes(house: House):
    house.script(*(says("Yes?") for _ in range(6)))
    async with house.open() as runs:
        wide = await runs.start_run(ADA, "support", "Hello")
        narrow = await runs.start_run(NARROW, "support", "Hello")
        for run in (wide, narrow):
            await ended(runs, run)

        async def first(caller: Principal, parent: str) -> object:
            retry = await runs.retry_run(caller, parent, 1)
            await ended(runs, retry)
            return (await until(runs, retry.id))[1].data["scopes"]

        scopes = list(NARROW.scopes or ())
        assert await first(ADA, wide.id) is None
        assert await first(ADA, narrow.id) == await first(NARROW, wide.id) == scopes
        with pytest.raises(Denied, match="scopes or roles differ"):
            await runs.retry_run(OTHER, narrow.id, 1)


async def test_a_revoked_key_stops_its_runs_at_the_next_step_and_whoever_watches_by_it(house: KeyedHouse):
    house.backends.answers["crm.get"] = hanging = Hanging()
    house.script(calls(("get", "A")), says("Never said."))
    async with house.open() as runs:
        run = await runs.start_run(KEY, "support", "Look it up")
        await hanging.reached.wait()
        watching = runs.watch_run(KEY, run.id)
        for _ in range(4):  # to the call that is under way
            await anext(watching)
        house.revoke(runs, KEY.api_key)
        with pytest.raises(Unauthenticated, match="does not prove any more who watches"):
            await anext(watching)
        with pytest.raises(Unauthenticated):
            await anext(runs.watch_run(KEY, run.id))
        hanging.let_go.set()
        events = await until(runs, run.id)
    assert types(events)[-2:] == ["tool_returned", "run_failed"]
    assert "may not call this gateway any more" in events[-1].data["message"]
