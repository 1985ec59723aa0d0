"""What a tool's function may know of its call, beside its arguments."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from toolward.types import CallContext, LogEntry, LogLevel, Principal, Progress

StateT = TypeVar("StateT")
SaidT = TypeVar("SaidT")

OWN_LOG = "toolward.tools"
"""The process's own log has what tools say too, under this name and the tool's."""

_LEVELS = {"debug": 10, "info": 20, "notice": 25, "warning": 30, "error": 40}


class Context(Generic[StateT]):
    """A parameter annotated `Context[State]` gets this; it does not show in the tool's schema.

    `state` is what the server's `lifespan` yielded: a database, an index, a folder. All of it may be used from a
    worker's thread.
    """

    __slots__ = ("_call", "_loop", "_name", "call_id", "idempotency_key", "principal", "state")

    def __init__(
        self,
        state: StateT,
        principal: Principal,
        call_id: str,
        idempotency_key: str,
        call: CallContext,
        name: str = "",
    ) -> None:
        self.state = state
        self.principal = principal
        self.call_id = call_id
        self.idempotency_key = idempotency_key
        self._call = call
        self._name = name
        self._loop = asyncio.get_running_loop()

    @property
    def approved_by(self) -> tuple[str, ...]:
        """Labels (`user:lea`, `role:support-lead`) of the person who approved this very call, as the gateway says
        whose key this server has; none where nobody was asked."""
        return self._call.approved_by

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Tell a caller who listens how far the work is; `done` must grow. Costs nothing where nobody does."""
        if self._call.progress is not None:
            self._tell(self._call.progress, Progress(done, total, message))

    def log(self, level: LogLevel, message: str, **fields: Any) -> None:
        """Say something about the work, to a caller who listens and to the server's own log; what is secret belongs
        in neither. `fields` are values of JSON; others are told as their text."""
        logging.getLogger(f"{OWN_LOG}.{self._name}").log(
            _LEVELS.get(level, logging.CRITICAL), message, extra={"fields": fields, "call_id": self.call_id}
        )
        if self._call.log is not None:
            told = msgspec.to_builtins(fields, str_keys=True, enc_hook=str)
            self._tell(self._call.log, LogEntry(level, message, told))

    def _tell(self, listener: Callable[[SaidT], None], said: SaidT) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # a worker's thread
            self._loop.call_soon_threadsafe(listener, said)
        else:
            listener(said)
