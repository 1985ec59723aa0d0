"""SQLite connections and the one thread that writes, over real files."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event, text

from toolward.errors import ConfigurationError, Conflict, Internal, Unavailable
from toolward.store import Writer, open_store, read_transaction, write_transaction


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncGenerator[Engine]:
    engine = open_store(tmp_path / "test.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (word TEXT PRIMARY KEY)"))
    yield engine
    engine.dispose()


@pytest.fixture
async def writer(engine: Engine) -> AsyncGenerator[Writer]:
    writer = Writer(engine)
    yield writer
    await writer.close()


class Note:
    """Work for the writer: store a word, or fail as told after having stored it."""

    def __init__(self, word: str, failure: Exception | None = None) -> None:
        self.word = word
        self.failure = failure

    def __call__(self, connection: Connection) -> str:
        connection.execute(text("INSERT INTO notes VALUES (:word)"), {"word": self.word})
        if self.failure is not None:
            raise self.failure
        return self.word


class Gate:
    """Work that keeps the writer busy until it is opened, so that more queues up behind it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self, _connection: Connection) -> None:
        self.entered.set()
        self.opened.wait(10)


def words(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.execute(text("SELECT word FROM notes")).scalars())


async def behind_a_gate(writer: Writer, *work: Note) -> list[str | BaseException]:
    """The outcomes of work that is queued together, and so shares a commit."""
    gate = Gate()
    first = asyncio.create_task(writer.write(gate))
    await asyncio.to_thread(gate.entered.wait, 10)
    rest = [asyncio.create_task(writer.write(piece)) for piece in work]
    await asyncio.sleep(0)  # each has put its piece into the queue
    gate.opened.set()
    await first
    return await asyncio.gather(*rest, return_exceptions=True)


async def test_a_result_is_given_when_others_can_read_it(engine: Engine, writer: Writer):
    assert await writer.write(Note("one")) == "one"
    assert words(engine) == {"one"}


async def test_work_that_queues_up_shares_one_commit(engine: Engine, writer: Writer):
    commits: list[object] = []
    event.listen(engine, "commit", commits.append)
    outcomes = await behind_a_gate(writer, *(Note(str(number)) for number in range(50)))
    assert outcomes == [str(number) for number in range(50)]
    assert len(commits) == 2  # the gate's, and one for all fifty


async def test_one_that_fails_leaves_nothing_and_the_others_commit(engine: Engine, writer: Writer):
    outcomes = await behind_a_gate(
        writer, Note("one"), Note("two", Conflict("taken")), Note("one"), Note("three")
    )
    assert outcomes[0] == "one"
    assert isinstance(outcomes[1], Conflict)
    assert isinstance(outcomes[2], Internal)  # the primary key: our mistake, told without the statement
    assert "INSERT" not in str(outcomes[2])
    assert outcomes[3] == "three"
    assert words(engine) == {"one", "three"}


async def test_what_nobody_waits_for_is_stored_before_what_is_queued_later(engine: Engine, writer: Writer):
    writer.post(Note("posted"))
    assert await writer.write(lambda connection: connection.execute(text("SELECT word FROM notes")).scalar())
    assert words(engine) == {"posted"}


async def test_closing_finishes_what_is_queued(engine: Engine):
    writer = Writer(engine)
    for number in range(20):
        writer.post(Note(str(number)))
    await writer.close()
    assert len(words(engine)) == 20
    with pytest.raises(Unavailable, match="is closed"):
        writer.post(Note("late"))


async def test_a_waiter_that_gives_up_disturbs_nobody(engine: Engine, writer: Writer):
    gate = Gate()
    first = asyncio.create_task(writer.write(gate))
    await asyncio.to_thread(gate.entered.wait, 10)
    gone = asyncio.create_task(writer.write(Note("gone")))
    await asyncio.sleep(0)
    gone.cancel()
    gate.opened.set()
    await first
    assert await writer.write(Note("after")) == "after"
    assert words(engine) == {"gone", "after"}


def _keep_small(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA max_page_count=16")


async def test_a_full_disk_is_said_and_nothing_is_half_stored(tmp_path: Path):
    engine = open_store(tmp_path / "small.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (word TEXT PRIMARY KEY)"))
    engine.dispose()
    event.listen(engine, "connect", _keep_small)
    writer = Writer(engine)
    outcomes = await behind_a_gate(writer, Note("small"), Note("x" * 200_000), Note("other"))
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert "small.db cannot be used: the disk is full. Make room" in str(getattr(outcomes[1], "text", ""))
    assert words(engine) == set()
    assert await writer.write(Note("fits")) == "fits"  # the writer lives on
    await writer.close()
    engine.dispose()


async def test_commits_are_synced_and_the_file_is_private(engine: Engine, tmp_path: Path):
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    assert (tmp_path / "test.db").stat().st_mode & 0o077 == 0


def test_a_file_that_is_no_database_is_named(tmp_path: Path):
    path = tmp_path / "letter.txt"
    path.write_text("Dear SQLite, " * 100)
    with pytest.raises(ConfigurationError, match=r"letter\.txt cannot be opened: the file is not an SQLite"):
        open_store(path)


def test_a_locked_file_is_named_with_the_remedy(tmp_path: Path):
    path = tmp_path / "busy.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ConfigurationError, match=r"busy\.db .*another program holds its lock") as caught:
        open_store(path, busy_timeout=0.05)
    assert "Stop that program" in caught.value.hint
    other.close()


@pytest.mark.parametrize("place", ["folder", "letter.txt/store.db"])
def test_a_place_where_no_file_can_be_is_named(tmp_path: Path, place: str):
    (tmp_path / "folder").mkdir()
    (tmp_path / "letter.txt").write_text("x")
    with pytest.raises(ConfigurationError, match=f"{tmp_path / place} cannot be opened"):
        open_store(tmp_path / place)


def test_a_url_of_another_kind_is_refused_without_its_password():
    with pytest.raises(ConfigurationError, match="not supported") as caught:
        open_store("postgresql://ada:secret@host/db")
    assert "secret" not in caught.value.text


def test_the_sdk_alone_loads_no_database():
    code = "import sys, toolward, toolward.kit; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_a_bug_in_the_midst_of_a_result_does_not_hold_the_database(engine: Engine):
    kept: list[BaseException] = []
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO notes VALUES ('one'), ('two')"))
    for transaction in (read_transaction, write_transaction):
        try:
            with transaction(engine) as connection:
                result = connection.execute(text("SELECT word FROM notes"))
                next(iter(result))
                raise ZeroDivisionError
        except ZeroDivisionError as bug:
            kept.append(bug)  # a log may: its frames keep the open result
        with write_transaction(engine) as connection:
            connection.execute(text("INSERT INTO notes VALUES (:word)"), {"word": transaction.__name__})
    assert words(engine) == {"one", "two", "read_transaction", "write_transaction"}
