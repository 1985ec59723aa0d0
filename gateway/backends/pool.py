"""All backends of a gateway: discovered at once, each on its own."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.backends.connection import Connection
from gateway.backends.credentials import exchanges
from gateway.backends.timing import Timing
from gateway.core.ports import Listing
from gateway.core.spec import Spec
from toolward.auth.subject_tokens import SubjectTokens
from toolward.errors import ConfigurationError, NotFound, UnknownTool
from toolward.offers import PromptText
from toolward.types import CallContext, Principal, ResourceBody, ToolCall, ToolResult

log = logging.getLogger(__name__)

_TO_SAY_WHY = 0.5


class Backends:
    """A BackendPort. Entering it connects to every backend at the same time, and returns when each has answered or
    failed, half a second after `timing.connect` at the latest; what failed is tried again in the background. With
    `patient=False` the slow ones are waited for only as long as there is nothing to begin with: once one has
    answered, for `timing.gather` after the last news; the others join when they answer.

    Processes write to `logs`/NAME.log. With `starts`, servers that have a command to start them are started; stdio
    servers always are. Leave it in the task that entered it, also when that is cancelled: every process that was
    started is stopped then.
    """

    def __init__(
        self,
        specs: Sequence[Spec],
        *,
        logs: Path,
        starts: bool = True,
        timing: Timing | None = None,
        patient: bool = True,
        subjects: SubjectTokens | None = None,
    ) -> None:
        """Raises ConfigurationError when two backends have one name."""
        self._timing = timing or Timing()
        self._patient = patient
        self._logs = logs
        self._starts = starts
        self._subjects = subjects
        self._callbacks: list[Callable[[], None]] = []
        self._owners: dict[Connection, asyncio.Task[None]] = {}
        self._connections: dict[str, Connection] = self._made(specs, {})

    async def __aenter__(self) -> Self:
        try:
            for connection in self._connections.values():
                self._own(connection)
            async with asyncio.timeout(self._timing.connect + _TO_SAY_WHY):
                await self._gathered()
        except TimeoutError:
            pass  # it is in the listing that they have not answered
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def answered(self, backend: str) -> None:
        """When this one has answered or failed, if there is such a one."""
        if (connection := self._connections.get(backend)) is not None:
            await connection.attempted.wait()

    async def _gathered(self) -> None:
        waits = {
            asyncio.create_task(connection.attempted.wait()): connection
            for connection in self._connections.values()
        }
        pending, patience = set(waits), None
        try:
            while pending:
                done, pending = await asyncio.wait(
                    pending, timeout=patience, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    return
                if not self._patient and any(not waits[one].listing.problem for one in done):
                    patience = self._timing.gather
        finally:
            for wait in pending:
                wait.cancel()

    def listings(self) -> tuple[Listing, ...]:
        """Every backend as it is known now, in the order of the configuration."""
        return tuple(connection.listing for connection in self._connections.values())

    def on_change(self, callback: Callable[[], None]) -> None:
        """`callback` is called, in the event loop, whenever `listings` has changed."""
        self._callbacks.append(callback)

    async def change(self, specs: Sequence[Spec]) -> None:
        """Make these the backends. What is the same lives on untouched, with its connection and its process; the
        rest is added, or stopped, or both. Listings and calls know the new ones alone before this first waits;
        it returns when those have answered or failed, as on entering, and the others are gone. Calls under way
        on a backend that goes have `timing.finish`. One change at a time. Raises ConfigurationError when two
        backends have one name, and then nothing has changed.
        """
        before, self._connections = self._connections, self._made(specs, self._connections)
        self._changed()
        turns = [
            self._turn(before.get(name), self._connections.get(name))
            for name in {**before, **self._connections}
            if before.get(name) is not self._connections.get(name)
        ]
        await asyncio.gather(*turns)

    async def call(
        self, backend: str, principal: Principal, call: ToolCall, context: CallContext
    ) -> ToolResult:
        """One round trip for `principal`. Raises UnknownTool, Unavailable, DeadlineExceeded, InvalidResult, or the
        ToolwardError that the backend answered."""
        connection = self._connections.get(backend)
        if connection is None:
            raise UnknownTool(f"There is no backend {backend}.")
        return await connection.call(principal, call, context)

    async def read_resource(
        self, backend: str, principal: Principal, uri: str, context: CallContext
    ) -> tuple[ResourceBody, ...]:
        """Raises NotFound, and as `call`."""
        connection = self._connections.get(backend)
        if connection is None:
            raise NotFound(f"There is no backend {backend}.")
        return await connection.read_resource(principal, uri, context)

    async def get_prompt(
        self,
        backend: str,
        principal: Principal,
        name: str,
        arguments: Mapping[str, str],
        context: CallContext,
    ) -> PromptText:
        """Raises NotFound, and as `call`."""
        connection = self._connections.get(backend)
        if connection is None:
            raise NotFound(f"There is no backend {backend}.")
        return await connection.get_prompt(principal, name, arguments, context)

    def _changed(self) -> None:
        for callback in self._callbacks:
            try:
                callback()
            except Exception:
                log.exception("a listener to changes of backends failed")

    def _made(self, specs: Sequence[Spec], before: Mapping[str, Connection]) -> dict[str, Connection]:
        """A connection for each, in their order; that of `before` where there is one to the same."""
        made: dict[str, Connection] = {}
        for spec in specs:
            if spec.name in made:
                raise ConfigurationError(f"There are two backends named {spec.name}.", hint="Rename one.")
            old = before.get(spec.name)
            if old is None or old.spec != spec:
                old = Connection(
                    spec,
                    self._logs,
                    self._timing,
                    self._changed,
                    starts=self._starts,
                    subjects=self._subjects,
                )
            made[spec.name] = old
        if self._subjects is not None:
            self._subjects.want(any(map(exchanges, specs)))
        return made

    async def _begin(self, connection: Connection) -> None:
        """Returns when it has answered or failed."""
        self._own(connection)
        with suppress(TimeoutError):  # it is in the listing that it has not answered
            async with asyncio.timeout(self._timing.connect + _TO_SAY_WHY):
                await connection.attempted.wait()

    def _own(self, connection: Connection) -> None:
        owner = asyncio.create_task(connection.run(), name=f"backend {connection.spec.name}")
        self._owners[connection] = owner

    async def _turn(self, old: Connection | None, new: Connection | None) -> None:
        """In this order, for both may want the same port."""
        if old is not None and (owner := self._owners.get(old)) is not None:
            await old.finish(self._timing.finish)
            owner.cancel()
            await asyncio.wait({owner})
            del self._owners[old]
            _tell(owner)
        if new is not None:
            await self._begin(new)

    async def _stop(self) -> None:
        for connection, owner in self._owners.items():
            connection.close()
            owner.cancel()
        if self._owners:
            await asyncio.wait(self._owners.values())
        for owner in self._owners.values():
            _tell(owner)
        self._owners.clear()


def _tell(owner: asyncio.Task[None]) -> None:
    if not owner.cancelled() and (error := owner.exception()) is not None:
        log.error("a backend did not stop cleanly", exc_info=error)
