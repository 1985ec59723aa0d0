"""Keeps the catalog, `tools.lock` and the bound policy of a dispatch as the backends and files are now.

Changes that come together make one new catalog, and making it lets calls through: it goes on in slices of a
millisecond.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from gateway.config import builtin
from gateway.config.lockfile import LockFile, lock_path
from gateway.config.origins import origins
from gateway.config.settings import Settings
from gateway.core import built_in
from gateway.core.catalog import Catalog, build_catalog, catalog_steps
from gateway.core.dispatch import Dispatch
from gateway.core.lock import Origins, ToolsLock, pin_unpinned, withhold
from gateway.core.policy import Policy, bind_steps
from gateway.core.ports import Listing
from gateway.core.snapshot import Snapshot
from gateway.core.steps import Steps
from toolward.errors import ConfigurationError

log = logging.getLogger(__name__)

_SLICE = 0.001  # seconds of work in one go
_GATHER = 0.02  # seconds that a change waits for others
_LOOK = 1.0  # seconds between looks at the stamp of tools.lock
_SHOWN = 10  # names in a line about what was pinned

T = TypeVar("T")


class Upkeep:
    """Entering it puts the first catalog in force; while it is open, `wake` has a new one made.

    `whole` is the catalog before anything was withheld, `lock` what is pinned, `lock_file` where that is kept.
    """

    def __init__(
        self,
        dispatch: Dispatch,
        listings: Callable[[], tuple[Listing, ...]],
        settings: Settings,
        policy: Policy,
        home: Path,
    ) -> None:
        """Raises ConfigurationError where there is a lock that cannot be used."""
        self._dispatch = dispatch
        self._listings = listings
        self._home = home
        self._wanted = asyncio.Event()
        self._done = asyncio.Event()  # whether nothing is wanted any more
        self._task: asyncio.Task[None] | None = None
        self.whole: Catalog = build_catalog(())
        self.lock = ToolsLock()
        self.use(settings, policy)

    def use(self, settings: Settings, policy: Policy) -> None:
        """From the next catalog on. Raises ConfigurationError, and changes nothing, where there is a lock that
        cannot be used."""
        lock_file = LockFile(lock_path(settings.lock_file, self._home))
        self.lock = ToolsLock() if settings.lock == "off" else lock_file.load()
        self.lock_file = lock_file
        self._settings = settings
        self._policy = policy
        self.origins = origins(settings)
        self.wake()

    def wake(self) -> None:
        """Something changed: a listing, a file."""
        self._wanted.set()
        self._done.clear()

    @property
    def in_force(self) -> Snapshot:
        return self._dispatch.in_force

    async def renewed(self) -> None:
        """When everything that changed until now is in the catalog in force."""
        await self._done.wait()

    async def __aenter__(self) -> Self:
        self._wanted.clear()
        await self._renew()
        self._task = asyncio.create_task(self._run(), name="upkeep of the catalog")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await self._wanted.wait()
            try:
                if self._reread() or self._wanted.is_set():
                    await asyncio.sleep(_GATHER)
                    self._wanted.clear()
                    await self._renew()
            except Exception:  # the catalog in force stays; what comes next is tried again
                log.exception("the catalog could not be renewed")
            if not self._wanted.is_set():
                self._done.set()

    def _reread(self) -> bool:
        """Whether tools.lock was changed, by a review in another process or by hand."""
        if self._settings.lock == "off" or not self.lock_file.is_changed():
            return False
        try:
            self.lock = self.lock_file.load()
        except ConfigurationError as error:
            log.error("%s What was pinned before stays in force.", error.text)
            return False
        return True

    async def _renew(self) -> None:
        settings, policy, before = self._settings, self._policy, self._dispatch.policy
        places = self.origins
        known = set(self._dispatch.catalog.problems)
        self.whole = await _unhurried(
            catalog_steps(
                self._listings(),
                {**settings.facts, **built_in.FACTS},
                settings.trusted_annotations,
                self.whole,
            )
        )
        if settings.lock == "first-use":
            await self._pin(places)
        offered = withhold(self.whole, self.lock, places, settings.lock)
        self._dispatch.replace(offered, await _unhurried(bind_steps(policy, offered, before)))
        if self._task is not None:  # those of the start are told by who started us
            for problem in offered.problems:
                if problem not in known:
                    log.warning("%s", problem)

    async def _pin(self, places: Origins) -> None:
        """Trust on first use: what has no pins yet is pinned as it is. People are told, unless it is this program's
        own."""
        before = self.lock

        def pinned(lock: ToolsLock) -> ToolsLock:
            return pin_unpinned(self.whole, lock, places)

        if pinned(before) is before:
            return
        try:
            self.lock = await asyncio.to_thread(self.lock_file.update, pinned)
        except ConfigurationError as error:
            self.lock = pinned(before)
            log.warning("%s Until this process ends, its tools are as they were first seen.", error.text)
        shipped = self._settings.source == builtin.SOURCE
        for name in self.lock.backends.keys() - before.backends.keys():
            tools = sorted(self.lock.backends[name].tools)
            shown = ", ".join(tools[:_SHOWN]) + (", …" if len(tools) > _SHOWN else "")
            log.log(
                logging.INFO if shipped else logging.WARNING,
                "%s: seen for the first time, so pinned in %s as it is: %s",
                *(name, self.lock_file.path, shown),
            )


async def _unhurried(steps: Steps[T]) -> T:
    """The result of the steps; others run between them."""
    now = asyncio.get_running_loop().time
    pause = now() + _SLICE
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
        if now() >= pause:
            await asyncio.sleep(0)
            pause = now() + _SLICE
