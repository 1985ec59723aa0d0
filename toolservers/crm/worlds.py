"""The worlds of one server: one for everybody, or one for each tenant, in files of their own beside the first."""

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync

from toolservers.crm.desk import Desk
from toolservers.crm.faults import READS
from toolservers.crm.kinds import ADMIN
from toolservers.crm.settings import Settings
from toolservers.crm.storage.snapshots import WORLDS, FileSnapshots, copied
from toolservers.crm.webhooks import Target
from toolward.errors import ConfigurationError, Overloaded, ToolError
from toolward.kit.options import secret
from toolward.types import Principal, ToolCall, ToolResult

OPEN = 16
"""Tenants' databases that are open at once, beside those in use."""

MOST = 1_000
"""Tenants' databases that may be made beside one file."""

SECRET = "TOOLWARD_CRM_WEBHOOK_SECRET"  # noqa: S105 -- the name of a variable, not a secret

_PLAIN = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")

Go = Callable[[Any], Awaitable[ToolResult]]


@dataclass(slots=True)
class _World:
    opening: asyncio.Task[Desk]
    calls: int = 0  # in work

    @property
    def idle(self) -> bool:
        if self.calls or not self.opening.done() or self.opening.exception() is not None:
            return False
        return not self.opening.result().faults  # they are kept in memory


class Worlds:
    """Opened with the server, closed when no call is under way any more."""

    def __init__(self, settings: Settings, only: Desk | None, target: Target | None) -> None:
        self._settings = settings
        self._only = only
        self._target = target
        self._open: OrderedDict[str, _World] = OrderedDict()

    @classmethod
    async def open(cls, settings: Settings) -> "Worlds":
        """Raises ConfigurationError where the one database cannot be used; those of tenants are made when their
        first call comes."""
        target = _target(settings)
        if settings.worlds == "tenant":
            file_of(settings.database)
        one = None if settings.worlds == "tenant" else await _desk(settings, settings.database, target)
        return cls(settings, one, target)

    async def close(self) -> None:
        if self._only is not None:
            await self._only.close()
        opened, self._open = self._open, OrderedDict()
        for one in opened.values():
            if (await asyncio.wait([one.opening])) and one.opening.exception() is None:
                await one.opening.result().close()

    async def around(self, by: Principal, call: ToolCall, go: Go) -> ToolResult:
        """A call in its caller's world, with the faults that are armed there, but for those of admin tools."""
        async with self.desk(by.tenant) as desk:
            try:
                if not desk.faults or call.name in ADMIN:
                    return await go(desk)
                return await desk.faults.around(desk, by, call, go)
            finally:
                if desk.webhook is not None and call.name not in READS:
                    desk.webhook.look()

    @asynccontextmanager
    async def desk(self, tenant: str) -> AsyncGenerator[Desk]:
        """A tenant's world, which stays open meanwhile. Raises Overloaded, Unavailable and ConfigurationError."""
        if self._only is not None:
            yield self._only
            return
        one = self._of(tenant)
        one.calls += 1
        try:
            yield await asyncio.shield(one.opening)
        finally:
            one.calls -= 1
            await self._close_oldest()

    def _of(self, tenant: str) -> _World:
        name = file_name(tenant)
        one = self._open.get(name)
        if one is None or (one.opening.done() and one.opening.exception() is not None):
            if len(self._open) >= OPEN * 4:
                raise Overloaded("Too many worlds are in use at once.", retry_after=1)
            opening = self._make(name, tenant)
            one = _World(asyncio.create_task(opening, name=f"opening the world {name}"))
            self._open[name] = one
        self._open.move_to_end(name)
        return one

    async def _close_oldest(self) -> None:
        while len(self._open) > OPEN:
            name = next((name for name, one in self._open.items() if one.idle), None)
            if name is None:
                return
            await self._open.pop(name).opening.result().close()

    async def _make(self, name: str, tenant: str) -> Desk:
        settings = self._settings
        folder = worlds_folder(settings.database)
        path = folder / f"{name}.db"
        if not path.exists():
            await run_sync(_begin, settings, folder, path)
        return await _desk(settings, path, self._target, tenant)


async def _desk(settings: Settings, path: Path | str, target: Target | None, tenant: str = "") -> Desk:
    desk = await Desk.open(path, settings.pack, settings.seed, settings.mode)
    if target is not None:
        await desk.tell(target, tenant)
    return desk


def _target(settings: Settings) -> Target | None:
    if not settings.webhook_url:
        return None
    return Target.of(settings.webhook_url, secret(SECRET), settings.webhook_networks)


def file_of(database: Path | str) -> Path:
    """Raises ConfigurationError for a database that is no file."""
    named = str(database).removeprefix("sqlite:///")
    if "://" in named:
        raise ConfigurationError(
            "Tenants have worlds of their own in SQLite files only.", hint="Name a file with --database."
        )
    return Path(named).expanduser().absolute()


def worlds_folder(database: Path | str) -> Path:
    path = file_of(database)
    return path.with_name(f"{path.name}{WORLDS}")


def _begin(settings: Settings, folder: Path, path: Path) -> None:
    if folder.is_dir() and len(list(folder.glob("[th]-*.db"))) >= MOST:
        raise Overloaded(
            f"There are {MOST} worlds already.", hint="Remove files of those that are done with."
        )
    kept = FileSnapshots(None, file_of(settings.database))
    try:
        named = settings.worlds_from
        own = FileSnapshots(None, path)
        source = kept.kept(named) if named else own.beginning(settings.pack, settings.seed)
    except ToolError as error:
        raise ConfigurationError(str(error), hint="It is named by --worlds-from.") from None
    copied(source.path, path)


def file_name(tenant: str) -> str:
    """Of a tenant's file: what is no plain word is named by its digest, so that no name leads elsewhere, and no two
    tenants share one on a disk that does not know large from small letters."""
    if _PLAIN.fullmatch(tenant):
        return f"t-{tenant}"
    return f"h-{hashlib.sha256(tenant.encode(errors='surrogatepass')).hexdigest()[:40]}"
