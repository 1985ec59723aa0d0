"""The CRM as its tools use it: they see one moment of it, and change it in their call's transaction."""

from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar, cast

from anyio.to_thread import run_sync
from sqlalchemy import Connection, Engine, select

from toolservers.crm import changes, finding, reading
from toolservers.crm.actor import actor_of
from toolservers.crm.faults import Faults, Moment
from toolservers.crm.kinds import RuleMode
from toolservers.crm.storage.database import Database
from toolservers.crm.storage.moments import Snapshots, snapshots_of
from toolservers.crm.webhooks import Pace, Target, Webhook
from toolservers.crm.work import View, Work
from toolservers.crm.world.tables import world
from toolward.kit import Context
from toolward.kit.effects import Effects, Transaction
from toolward.kit.effects.sqlalchemy_store import SqlAlchemyStore
from toolward.store import WRITES
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
        self.database = database
        self.faults = Faults()
        self._mode: RuleMode = mode
        self.webhook: Webhook | None = None
        self._effects: Effects[Connection] | None = None

    @classmethod
    async def open(cls, where: Path | str, pack: str, seed: int, mode: RuleMode) -> "Desk":
        """Makes and fills the database when there is none. Raises ConfigurationError."""
        return cls(await Database.open(where, pack, seed), mode)

    async def close(self) -> None:
        """Call it when no call is under way any more."""
        self.faults.close()
        if self.webhook is not None:
            await self.webhook.close()
        if self._effects is not None:
            await self._effects.close()
        await self.database.close()

    def effects(self) -> Effects[Connection]:
        """The same at each time; closed with the desk."""
        if self._effects is None:
            self._effects = Effects(SqlAlchemyStore(self.database.writer))
        return self._effects

    async def moment(self) -> Moment:
        """This very moment, to be read later; close it."""
        return Moment(await run_sync(_pinned, self.database.writer))

    def at(self, moment: Moment) -> "Desk":
        """A desk that sees that moment, and can change nothing."""
        return Desk(cast(Database, moment), self._mode)

    async def tell(self, target: Target, tenant: str = "", pace: Pace = Pace()) -> None:  # noqa: B008 -- immutable
        """Tell a webhook what happens, from now on or from where it was the last time."""
        self.webhook = Webhook(self.database.writer, target, tenant, pace)
        await self.webhook.start()

    @property
    def snapshots(self) -> Snapshots:
        return snapshots_of(self.database.writer)

    async def see(
        self, by: Principal, look: Callable[Concatenate[View, P], T], *asked: P.args, **named: P.kwargs
    ) -> T:
        """What `look` finds in one moment of the world, as `by` may see it."""

        def seen(connection: Connection) -> T:
            return look(View(connection, actor_of(connection, by), self._mode), *asked, **named)

        return await self.database.read(seen)

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


def _pinned(engine: Engine) -> Connection:
    connection = engine.execution_options(**{WRITES: False}).connect()
    connection.execute(select(world.c.now)).one()  # a transaction has its moment from its first look
    if engine.dialect.name == "postgresql":  # which would end it when nobody has read for a minute
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
    return connection
