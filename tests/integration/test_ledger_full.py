"""A full disk stops what changes things, with a clear error; what only reads goes on, and so does the process."""

import logging
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event

from gateway.core.catalog import ToolFacts, build_catalog
from gateway.core.dispatch import Dispatch
from gateway.core.policy import bind
from gateway.ledger.ledger import Ledger, keys_beside, outside
from gateway.ledger.verify import verify
from tests.policies import policy
from tests.twins import TwinBackends, TwinClock, TwinIds, listing
from toolward.errors import Unavailable
from toolward.types import NO_CONTEXT, Principal, Tool, ToolCall, ToolResult

ADA = Principal("ada", ("support",))
RULES = "version: 1\nrules: [{id: all, principals: ['role:support'], tools: ['crm.*'], effect: allow}]"
BIG = b'{"text":"%s"}' % (b"x" * 20_000)


def gateway(ledger: Ledger, clock: TwinClock) -> tuple[Dispatch, TwinBackends]:
    backends = TwinBackends(listing("crm", Tool("get"), Tool("save")))
    dispatch = Dispatch(backends, ledger, clock, TwinIds())
    catalog = build_catalog(backends.listings(), {"crm.get": ToolFacts(changes=False)})
    dispatch.replace(catalog, bind(policy(RULES), catalog))
    return dispatch, backends


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A disk of its own, of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    try:
        made = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if made.returncode:
        pytest.skip(f"a disk cannot be mounted here: {made.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(place: Path) -> Path:
    """What makes room again when it is removed."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
    return filler


async def test_on_a_full_disk_reads_go_on_and_effects_are_refused(
    small_disk: Path, caplog: pytest.LogCaptureFixture
):
    clock = TwinClock()
    path = small_disk / "ledger.db"
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        dispatch, backends = gateway(ledger, clock)
        await dispatch.call_tool(ADA, ToolCall("crm.save"), NO_CONTEXT)
        filler = fill(small_disk)
        with pytest.raises(Unavailable, match="the disk is full") as caught:
            await dispatch.call_tool(ADA, ToolCall("crm.save", BIG), NO_CONTEXT)
        assert "Make room on the disk" in (caught.value.hint or "")
        assert [call.name for _, call, _ in backends.calls] == ["save"]
        with caplog.at_level(logging.ERROR):
            assert isinstance(await dispatch.call_tool(ADA, ToolCall("crm.get", BIG), NO_CONTEXT), ToolResult)
            await ledger.checkpoint()  # waits its turn, fails, and stops nobody
        assert "a record was not stored" in caplog.text
        assert ledger.lost >= 1
        filler.unlink()
        assert isinstance(await dispatch.call_tool(ADA, ToolCall("crm.save", BIG), NO_CONTEXT), ToolResult)
    found = verify(path, keys_beside(str(path)), outside(str(path)))
    assert found.findings == []
    assert found.checkpoints >= 1


async def test_where_the_database_may_not_grow_the_same(tmp_path: Path):
    """The same by SQLite's own bound, where no disk can be mounted."""
    clock = TwinClock()
    path = tmp_path / "ledger.db"
    bound = [2**30]

    def bind_size(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {bound[0]}")

    event.listen(Engine, "begin", bind_size)
    try:
        async with Ledger.open(path, now=clock.now_ms) as ledger:
            dispatch, backends = gateway(ledger, clock)
            bound[0] = 1  # SQLite takes the size that it has now
            with pytest.raises(Unavailable, match="the disk is full"):
                await dispatch.call_tool(ADA, ToolCall("crm.save", BIG), NO_CONTEXT)
            assert backends.calls == []
            assert isinstance(await dispatch.call_tool(ADA, ToolCall("crm.get", BIG), NO_CONTEXT), ToolResult)
            await ledger.checkpoint()
            assert ledger.lost >= 1
            bound[0] = 2**30
            assert isinstance(
                await dispatch.call_tool(ADA, ToolCall("crm.save", BIG), NO_CONTEXT), ToolResult
            )
    finally:
        event.remove(Engine, "begin", bind_size)
    assert verify(path, keys_beside(str(path)), outside(str(path))).findings == []
