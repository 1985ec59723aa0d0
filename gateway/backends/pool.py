"""All backends of a gateway: discovered at once, each on its own."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.backends.connection import Connection
from gateway.backends.timing import Timing
from gateway.core.ports import Listing
from gateway.core.spec import Spec
from toolward.errors import ConfigurationError, UnknownTool
from toolward.types import CallContext, Principal, ToolCall, ToolResult

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
    ) -> None:
        """Raises ConfigurationError when two backends have one name."""
        self._timing = timing or Timing()
        self._patient = patient
        self._callbacks: list[Callable[[], None]] = []
        self._connections: dict[str, Connection] = {}
        for spec in specs:
            if spec.name in self._connections:
                raise ConfigurationError(f"There are two backends named {spec.name}.", hint="Rename one.")
            self._connections[spec.name] = Connection(spec, logs, self._timing, self._changed, starts=starts)
        self._owners: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for name, connection in self._connections.items():
            self._owners.append(asyncio.create_task(connection.run(), name=f"backend {name}"))
        try:
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

    async def call(
        self, backend: str, principal: Principal, call: ToolCall, context: CallContext
    ) -> ToolResult:
        """One round trip for `principal`. Raises UnknownTool, Unavailable, DeadlineExceeded, InvalidResult, or the
        ToolwardError that the backend answered."""
        connection = self._connections.get(backend)
        if connection is None:
            raise UnknownTool(f"There is no backend {backend}.")
        return await connection.call(principal, call, context)

    def _changed(self) -> None:
        for callback in self._callbacks:
            try:
                callback()
            except Exception:
                log.exception("a listener to changes of backends failed")

    async def _stop(self) -> None:
        for connection, owner in zip(self._connections.values(), self._owners, strict=True):
            connection.close()
            owner.cancel()
        results = await asyncio.gather(*self._owners, return_exceptions=True)
        self._owners.clear()
        for result in results:
            if isinstance(result, Exception):
                log.error("a backend did not stop cleanly", exc_info=result)
