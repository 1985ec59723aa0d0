"""The CRM as its tools use it: they see one moment of it, and change it in their call's transaction."""

from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from toolservers.crm import changes, finding, reading
from toolservers.crm.actor import actor_of
from toolservers.crm.kinds import RuleMode
from toolservers.crm.work import View, Work
from toolservers.crm.world.database import Database
from toolward.kit import Context
from toolward.kit.effects import Effects, Transaction
from toolward.kit.effects.sqlalchemy_store import SqlAlchemyStore
from toolward.types import Principal

P = ParamSpec("P")
T = TypeVar("T")


class Desk:
    """What can be asked of it hangs on it as functions of a View or a Work, so that listing tools need not load
    SQLAlchemy. Everything raises ToolError for what the CRM refuses, and Unavailable while the database is locked.
    """

    changes = changes
    find_records = staticmethod(finding.find_records)
    wanted = finding.Wanted
    get_record = staticmethod(reading.get_record)

    def __init__(self, database: Database, mode: RuleMode) -> None:
        self._database = database
        self._mode: RuleMode = mode

    @classmethod
    async def open(cls, where: Path | str, pack: str, seed: int, mode: RuleMode) -> "Desk":
        """Makes and fills the database when there is none. Raises ConfigurationError."""
        return cls(await Database.open(where, pack, seed), mode)

    async def close(self) -> None:
        await self._database.close()

    def effects(self) -> Effects[Connection]:
        return Effects(SqlAlchemyStore(self._database.writer))

    async def see(
        self, by: Principal, look: Callable[Concatenate[View, P], T], *asked: P.args, **named: P.kwargs
    ) -> T:
        """What `look` finds in one moment of the world, as `by` may see it."""

        def seen(connection: Connection) -> T:
            return look(View(connection, actor_of(connection, by), self._mode), *asked, **named)

        return await self._database.read(seen)

    async def do(
        self,
        tx: Transaction[Connection],
        call: Context["Desk"],
        change: Callable[Concatenate[Work, P], T],
        *asked: P.args,
        **named: P.kwargs,
    ) -> T:
        """What came of `change`, done in the call's transaction for its caller, with what a person approved."""
        by = call.principal

        def done(connection: Connection) -> T:
            actor = actor_of(connection, by, call.approved_by)
            return change(Work(connection, actor, self._mode), *asked, **named)

        return await tx.run(done)
