"""What stands around every call of a server: it chooses the call's state and its effects, and comes last."""

import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from toolward.errors import ConfigurationError, DeadlineExceeded, InvalidArguments
from toolward.kit import Context, Effects, ToolServer, Transaction
from toolward.kit.command import run
from toolward.kit.effects.sqlite_store import SqliteStore
from toolward.types import NO_CONTEXT, Principal, ToolCall, ToolResult


class Book:
    """One tenant's database."""

    def __init__(self, path: Path) -> None:
        self.path = path
        connection = self.connect()
        connection.execute("CREATE TABLE IF NOT EXISTS notes (text)")
        connection.close()
        self.effects: Effects[sqlite3.Connection] = Effects(SqliteStore(self.connect, path.name))

    def connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)

    def notes(self) -> list[str]:
        connection = self.connect()
        try:
            return [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY rowid")]
        finally:
            connection.close()


class Shelf:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.books: dict[str, Book] = {}

    def book(self, tenant: str) -> Book:
        if tenant not in self.books:
            self.books[tenant] = Book(self.folder / f"{tenant}.db")
        return self.books[tenant]


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncGenerator[tuple[Shelf, Callable[..., Awaitable[ToolResult]]]]:
    server = ToolServer("shelf")
    held = Shelf(tmp_path)

    @server.lifespan
    async def lifespan(_settings: Any) -> AsyncGenerator[Shelf, None]:  # pyright: ignore[reportUnusedFunction]
        yield held
        for book in held.books.values():
            await book.effects.close()

    @server.effects
    def effects(book: Book) -> Effects[sqlite3.Connection]:  # pyright: ignore[reportUnusedFunction]
        return book.effects

    @server.around
    async def around(  # pyright: ignore[reportUnusedFunction]
        state: Shelf, by: Principal, call: ToolCall, go: Callable[[Any], Awaitable[ToolResult]]
    ) -> ToolResult:
        result = await go(state.book(by.tenant))
        if b"lost" in call.arguments_json and by.id == "far":
            raise DeadlineExceeded("The answer was lost.")
        return result

    @server.tool
    async def add(tx: Transaction[sqlite3.Connection], ctx: Context[Book], text: str) -> list[str]:  # pyright: ignore[reportUnusedFunction]
        """Add a note."""
        before = ctx.state.notes()
        tx.connection.execute("INSERT INTO notes VALUES (?)", (text,))
        return [*before, text]

    async def call(by: Principal, key: str, **arguments: Any) -> ToolResult:
        wish = ToolCall("add", msgspec.json.encode(arguments), idempotency_key=key)
        return await server.call_tool(by, wish, NO_CONTEXT)

    async with server.running():
        yield held, call


async def test_each_call_has_the_state_and_the_effects_that_were_chosen_for_it(shelf: Any) -> None:
    held, call = shelf
    red, blue = partial(call, Principal("ada", tenant="red")), partial(call, Principal("ada", tenant="blue"))
    assert (await red("k", text="one")).structured == ["one"]
    assert (await blue("k", text="two")).structured == ["two"]
    assert (await red("k", text="one")).structured == ["one"]
    assert (await red("k2", text="three")).structured == ["one", "three"]
    assert held.book("red").notes() == ["one", "three"]
    assert held.book("blue").notes() == ["two"]


async def test_what_fails_after_the_call_has_lost_nothing_but_its_answer(shelf: Any) -> None:
    held, call = shelf
    far = Principal("far", tenant="red")
    for _ in range(2):
        with pytest.raises(DeadlineExceeded, match="lost"):
            await call(far, "k", text="lost")
    assert held.book("red").notes() == ["lost"]


async def test_bad_arguments_do_not_get_so_far(shelf: Any) -> None:
    held, call = shelf
    with pytest.raises(InvalidArguments):
        await call(Principal("ada", tenant="red"), "", text=1)
    assert held.books == {}


def count(arguments: list[str]) -> int:
    """A command of a server's own."""
    if arguments == ["--wrong"]:
        raise ConfigurationError("That is wrong.")
    return len(arguments)


def test_a_server_brings_commands_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    server = ToolServer("stock", commands={"count": f"{__name__}:count", "lost": "no.such.module:main"})
    run(server, ["count"])
    with pytest.raises(SystemExit) as counted:
        run(server, ["count", "a", "b"])
    assert counted.value.code == 2
    with pytest.raises(SystemExit) as failed:
        run(server, ["count", "--wrong"])
    assert failed.value.code == 1
    assert "That is wrong." in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(server, ["--help"])  # which imports none of them
    assert "toolserver stock count --help" in capsys.readouterr().out
