"""The chain: whatever a hand does to the file of a ledger is found, as far as checkpoints reach."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.digests import text_digest
from gateway.core.ports import CallOutcome, CallRecord, RequestSpec, RunAppend, RunRecord, StoredEvent
from gateway.ledger.erasure import Erased
from gateway.ledger.ledger import Ledger, keys_beside, outside
from gateway.ledger.verify import Verified, verify
from tests.twins import TwinClock
from toolward.types import InputRequest, RequestKind, RequestState, Run, RunState, text_result

T = TypeVar("T")
Step = tuple[str, int]

_KEYS = {  # of every table that is covered, or lies beside
    "call_records": ("id",),
    "call_outcomes": ("id",),
    "call_payloads": ("call_id", "outcome"),
    "run_events": ("run_id", "seq"),
    "run_texts": ("run_id", "digest"),
    "request_transitions": ("request_id", "number"),
    "input_requests": ("id",),
    "checkpoints": ("number",),
    "chain_segments": ("id",),
    "chain": ("segment", "seq"),
    "runs": ("id",),
}
_FREE = {  # what no entry covers: it follows from events, or is a hint
    "runs": {"last_seq", "state", "input", "answer", "error_code", "error_message", "turns", "calls",
             "input_tokens", "output_tokens", "cost", "updated_at", "erased_seq"},
    "chain_segments": {"open"},
    "request_transitions": {"salt"},  # of an earlier one: the row that it was of has moved on
}  # fmt: skip

_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # hundreds of small files: no disk is tested here

steps: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(st.sampled_from(["call", "refused", "asked", "run", "event", "checkpoint"]), st.integers(0, 3)),
    min_size=1,
    max_size=8,
)


async def write(path: Path, parts: list[list[Step]]) -> None:
    """A history: one process after the other, each with its steps."""
    clock = TwinClock()
    number = 0
    seqs: dict[int, int] = {}
    for part in parts:
        async with Ledger.open(path, now=clock.now_ms) as ledger:
            for kind, size in part:
                number += 1
                clock.advance(1)
                await _step(ledger, clock, kind, size, number, seqs)


async def _step(
    ledger: Ledger, clock: TwinClock, kind: str, size: int, number: int, seqs: dict[int, int]
) -> None:
    match kind:
        case "call":
            await ledger.intend(_record(number), b'{"n":%d}' % size)
            ledger.settle(CallOutcome(f"call_{number}", clock.now_ms(), "ok", size), text_result("x" * size))
        case "refused":
            ledger.refuse(_record(number), b"{}", CallOutcome(f"call_{number}", 1, "denied", 0, "No."))
        case "asked":
            opened = await ledger.open_request(_spec(number, clock))
            if size:
                answered = msgspec.structs.replace(opened, state=RequestState.APPROVED)
                await ledger.close_request(opened.id, answered, "lea")
            if size > 1:
                await ledger.intend(_record(number), b"{}", approval=opened.id)
        case "run":
            await ledger.create(_run(number), [_said("run_started", "Hi", shared=b'{"name":"support"}')])
            seqs[number] = 1
        case "event":
            for run, seq in seqs.items():
                event = _said("model_replied", f"reply {size}")
                await ledger.append(RunAppend(f"run_{run}", seq, (event,), _run(run).run))
            seqs.update((run, seq + 1) for run, seq in seqs.items())
        case _:
            await ledger.checkpoint()


def _said(kind: str, text: str, shared: bytes = b"") -> StoredEvent:
    texts = {text_digest(body): body for body in (text.encode(), b"another", *([shared] if shared else []))}
    definition = {"definition": text_digest(shared)} if shared else {}
    return StoredEvent(kind, 1, b'{"version":1}', {"text": text_digest(text.encode())}, definition, texts)


def _record(number: int) -> CallRecord:
    return CallRecord(
        f"call_{number}", 1, "ada", "default", "crm.get", "allow", "reads", "v1", True, ("support",)
    )


def _spec(number: int, clock: TwinClock) -> RequestSpec:
    request = InputRequest(
        id=f"req_{number}", kind=RequestKind.APPROVAL, state=RequestState.OPEN, prompt="May ada?",
        created_at=clock.now_ms(), expires_at=clock.now_ms() + 60_000,
    )  # fmt: skip
    return RequestSpec(request, "ada", "default", "crm.get", f"d{number}")


def _run(number: int) -> RunRecord:
    run = Run(f"run_{number}", "support", "ada", RunState.RUNNING, "Hi", created_at=1, updated_at=2)
    return RunRecord(run, "default", ("support",))


def verified(path: Path) -> Verified:
    return verify(path, keys_beside(str(path)), outside(str(path)))


def with_history(parts: list[list[Step]], check: Callable[[Path], None]) -> None:
    with TemporaryDirectory(dir=_MEMORY) as folder:
        path = Path(folder) / "ledger.db"
        asyncio.run(write(path, [[("call", 1)], *parts]))
        check(path)


def _rows(connection: sqlite3.Connection, table: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    cursor = connection.execute(f"SELECT * FROM {table} ORDER BY {', '.join(_KEYS[table])}")
    return [one[0] for one in cursor.description], cursor.fetchall()


def _other(value: Any) -> Any:
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:] if value else b"x"
    if isinstance(value, int):
        return value + 1
    return "x" if value is None else value + "x"


def _where(table: str) -> str:
    return " AND ".join(f"{name} = ?" for name in _KEYS[table])


def _pick(picks: list[int], choices: Sequence[T]) -> T:
    """Group commits make one history into files that differ a little, so what is picked is drawn as numbers."""
    picks.append(picks.pop(0))
    return choices[picks[-1] % len(choices)]


picks = st.lists(st.integers(0, 10**6), min_size=4, max_size=4)
parts = st.lists(steps, min_size=1, max_size=2)


@settings(max_examples=10, deadline=None)
@given(parts=parts)
def test_what_nobody_touched_is_whole(parts: list[list[Step]]):
    def check(path: Path) -> None:
        found = verified(path)
        assert found.findings == []
        assert found.covered_until

    with_history(parts, check)


@settings(max_examples=15, deadline=None)
@given(parts=parts, picks=picks)
def test_a_changed_row_is_found(parts: list[list[Step]], picks: list[int]):
    def check(path: Path) -> None:
        connection = sqlite3.connect(path)
        table = _pick(picks, [name for name in _KEYS if _rows(connection, name)[1]])
        names, rows = _rows(connection, table)
        row = _pick(picks, rows)
        column = _pick(picks, [name for name in names if name not in _FREE.get(table, ())])
        keys = [row[names.index(name)] for name in _KEYS[table]]
        connection.execute(
            f"UPDATE OR REPLACE {table} SET {column} = ? WHERE {_where(table)}",
            [_other(row[names.index(column)]), *keys],
        )
        connection.commit()
        connection.close()
        assert not verified(path).is_whole, f"{table}.{column} of {keys} was changed"

    with_history(parts, check)


@pytest.mark.parametrize("key", ["run_0/1x", "run_0", "", f"run_0/{2**80}", "run_0/-1"])
def test_an_entry_that_names_what_no_row_can_be_is_found(key: str):
    def check(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            first = "(SELECT min(seq) FROM chain WHERE kind = 'event')"
            connection.execute(f"UPDATE chain SET key = ? WHERE kind = 'event' AND seq = {first}", [key])
        assert not verified(path).is_whole

    with_history([[("run", 0)]], check)


@settings(max_examples=20, deadline=None)
@given(parts=parts, picks=picks)
def test_a_removed_row_is_found(parts: list[list[Step]], picks: list[int]):
    def check(path: Path) -> None:
        connection = sqlite3.connect(path)
        table = _pick(picks, [name for name in _KEYS if _rows(connection, name)[1]])
        names, rows = _rows(connection, table)
        row = _pick(picks, rows)
        keys = [row[names.index(name)] for name in _KEYS[table]]
        connection.execute(f"DELETE FROM {table} WHERE {_where(table)}", keys)
        connection.commit()
        connection.close()
        assert not verified(path).is_whole, f"{keys} of {table} was removed"

    with_history(parts, check)


@settings(max_examples=12, deadline=None)
@given(parts=parts, picks=picks)
def test_reordered_rows_are_found(parts: list[list[Step]], picks: list[int]):
    """Two rows change places: all but their keys is exchanged."""

    def check(path: Path) -> None:
        connection = sqlite3.connect(path)
        tables = [
            name for name in ("chain", "call_outcomes", "run_events") if len(_rows(connection, name)[1]) > 1
        ]
        if not tables:
            connection.close()
            return
        table = _pick(picks, tables)
        names, rows = _rows(connection, table)
        one = _pick(picks, rows)
        other = _pick(picks, [row for row in rows if row != one])
        rest = [name for name in names if name not in _KEYS[table]]
        same = all(one[names.index(name)] == other[names.index(name)] for name in rest)
        for source, target in ((one, other), (other, one)):
            connection.execute(
                f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in rest)} WHERE {_where(table)}",
                [source[names.index(name)] for name in rest]
                + [target[names.index(name)] for name in _KEYS[table]],
            )
        connection.commit()
        connection.close()
        assert same or not verified(path).is_whole

    with_history(parts, check)


@settings(max_examples=15, deadline=None)
@given(parts=parts, picks=picks)
def test_what_is_cut_off_is_found_up_to_the_last_checkpoint_outside(
    parts: list[list[Step]], picks: list[int]
):
    """The hand that cuts knows the chain: it takes away the entries and everything that they cover."""

    def check(path: Path) -> None:
        connection = sqlite3.connect(path)
        segments = [row[0] for row in connection.execute("SELECT DISTINCT segment FROM chain ORDER BY 1")]
        segment = _pick(picks, segments)
        (length,) = connection.execute("SELECT max(seq) FROM chain WHERE segment = ?", [segment]).fetchone()
        left = _pick(picks, range(length))
        _cut(connection, segment, left)
        connection.commit()
        connection.close()
        assert not verified(path).is_whole

    with_history(parts, check)


def _cut(connection: sqlite3.Connection, segment: str, left: int) -> None:
    tables = {"call": "call_records", "outcome": "call_outcomes", "event": "run_events", "run": "runs",
              "transition": "request_transitions", "checkpoint": "checkpoints",
              "segment": "chain_segments"}  # fmt: skip
    gone = connection.execute(
        "SELECT kind, key FROM chain WHERE segment = ? AND seq > ?", [segment, left]
    ).fetchall()
    for kind, key in gone:
        table = tables[kind]
        keys = key.rsplit("/", len(_KEYS[table]) - 1)
        connection.execute(f"DELETE FROM {table} WHERE {_where(table)}", keys)
        if kind == "call":
            connection.execute("DELETE FROM call_payloads WHERE call_id = ?", [key])
        if kind == "transition":
            connection.execute("DELETE FROM input_requests WHERE id = ?", [keys[0]])
            connection.execute("DELETE FROM request_transitions WHERE request_id = ?", [keys[0]])
    connection.execute("DELETE FROM chain WHERE segment = ? AND seq > ?", [segment, left])


def test_a_truth_that_is_another_number_is_found(tmp_path: Path):
    path = tmp_path / "ledger.db"
    asyncio.run(write(path, [[("call", 1)]]))
    connection = sqlite3.connect(path)
    connection.execute("UPDATE call_records SET changes = 2")
    connection.commit()
    connection.close()
    assert not verified(path).is_whole


def test_a_row_that_another_hand_added_is_found(tmp_path: Path):
    path = tmp_path / "ledger.db"
    asyncio.run(write(path, [[("call", 1)]]))
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO call_outcomes VALUES (99, 'call_1', 1, 'ok', 1, '', '')")
    connection.commit()
    connection.close()
    assert [str(one.where) for one in verified(path).findings] == ["call_outcomes 99"]


def test_an_approval_put_back_to_what_it_was_is_found(tmp_path: Path):
    """By the row's own earlier content, even with its transitions in place."""
    path = tmp_path / "ledger.db"
    asyncio.run(write(path, [[("asked", 3)]]))
    connection = sqlite3.connect(path)
    connection.execute("UPDATE input_requests SET state = 'approved'")
    connection.commit()
    connection.close()
    (found,) = verified(path).findings
    assert found.where == "input request req_1"


def test_a_file_of_checkpoints_that_was_rewritten_is_found(tmp_path: Path):
    path = tmp_path / "ledger.db"
    asyncio.run(write(path, [[("call", 1), ("checkpoint", 0), ("call", 2)]]))
    file = outside(str(path))
    file.write_text(file.read_text().replace('"number', '"nomber'))
    assert any("signature" in one.what for one in verified(path).findings)


def test_checkpoints_of_an_old_key_are_good_and_of_an_unknown_one_are_told(tmp_path: Path):
    path = tmp_path / "ledger.db"
    keys = keys_beside(str(path))
    asyncio.run(write(path, [[("call", 1)]]))
    old = keys.current()
    assert keys.rotate() != old
    asyncio.run(write(path, [[("run", 1)]]))
    found = verified(path)
    assert (found.findings, found.checkpoints, found.segments) == ([], 2, 2)
    folder = tmp_path / "ledger-keys"
    assert not (folder / f"{old}.key").exists()
    assert (folder / f"{keys.current()}.key").stat().st_mode & 0o777 == 0o600
    (folder / f"{old}.pub").unlink()
    assert any("public key" in one.what for one in verified(path).findings)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_segments_are_closed_when_they_are_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int):
    monkeypatch.setattr("gateway.ledger.chain.SEGMENT_ENTRIES", most + 1)
    path = tmp_path / "ledger.db"
    asyncio.run(write(path, [[("call", 1), ("asked", 2), ("call", 2)]]))
    found = verified(path)
    assert found.findings == []
    assert found.segments > 2


def _count(path: Path, table: str) -> int:
    connection = sqlite3.connect(path)
    (number,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    connection.close()
    return number


async def test_erased_payloads_leave_the_rest_whole_and_nothing_to_guess_from(tmp_path: Path):
    path = tmp_path / "ledger.db"
    await write(path, [[("call", 1), ("call", 2)]])
    async with Ledger.open(path) as ledger:
        erased = await ledger.erase(["call_1"], reason="asked for by ada")
        assert erased == Erased(payloads=2)  # arguments and result
        assert await ledger.erase(["call_9"]) == Erased()
        found = await ledger.call_record("call_1")
        assert (found.arguments_json, found.result_json) == (None, None)
        assert found.result_digest
    found = verified(path)
    assert (found.findings, found.erased) == ([], 1)
    async with Ledger.open(path) as ledger:
        assert (await ledger.erase(principal="ada")).payloads == 2
    assert _count(path, "call_payloads") == 0
    assert verified(path).findings == []
    files = [path, path.with_name("ledger.db-wal")]
    assert not any(b'{"n":2}' in file.read_bytes() for file in files if file.exists())


async def test_payloads_that_are_gone_without_an_act_are_found(tmp_path: Path):
    path = tmp_path / "ledger.db"
    await write(path, [[("call", 1)]])
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM call_payloads WHERE outcome = 0")
    connection.commit()
    connection.close()
    (found,) = verified(path).findings
    assert found.what == "its arguments are gone, and no act says that they were erased"


async def test_old_segments_go_as_a_whole_and_verify_knows_why(tmp_path: Path):
    path = tmp_path / "ledger.db"
    clock = TwinClock()
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        await _step(ledger, clock, "call", 1, 1, {})
        await _step(ledger, clock, "asked", 2, 2, {})
        clock.advance(3 * 24 * 3600)
        await _step(ledger, clock, "call", 2, 3, {})
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        assert await ledger.remove_before(clock.now_ms() - 10 * 24 * 3600 * 1000) == []
        (removed,) = await ledger.remove_before(clock.now_ms() - 24 * 3600 * 1000, "kept for a day")
        assert removed.entries > 4
    assert (_count(path, "call_records"), _count(path, "input_requests"), _count(path, "call_payloads")) == (
        1,
        0,
        2,
    )
    found = verified(path)
    assert (found.findings, found.removed_segments) == ([], 1)
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM ledger_acts")
    connection.commit()
    connection.close()
    assert not verified(path).is_whole


async def test_a_segment_with_a_run_that_is_not_over_stays(tmp_path: Path):
    path = tmp_path / "ledger.db"
    clock = TwinClock()
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        await _step(ledger, clock, "run", 1, 1, {})
    clock.advance(9 * 24 * 3600)
    async with Ledger.open(path, now=clock.now_ms) as ledger:
        assert await ledger.remove_before(clock.now_ms()) == []
        over = msgspec.structs.replace(_run(1).run, state=RunState.COMPLETED, last_seq=2)
        await ledger.append(RunAppend("run_1", 1, (StoredEvent("run_completed", 1, b"{}"),), over))
        assert await ledger.remove_before(clock.now_ms()) == []  # its last event is in a new segment
        clock.advance(9 * 24 * 3600)
        assert len(await ledger.remove_before(clock.now_ms())) == 2
    assert _count(path, "run_events") == 0
    assert verified(path).findings == []
