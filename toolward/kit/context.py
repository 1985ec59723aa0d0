"""What a tool's function may know of its call, beside its arguments."""

from typing import Generic, TypeVar

from toolward.types import CallContext, Principal, Progress

StateT = TypeVar("StateT")


class Context(Generic[StateT]):
    """A parameter annotated `Context[State]` gets this; it does not show in the tool's schema.

    `state` is what the server's `lifespan` yielded: a database, an index, a folder.
    """

    __slots__ = ("_call", "call_id", "idempotency_key", "principal", "state")

    def __init__(
        self, state: StateT, principal: Principal, call_id: str, idempotency_key: str, call: CallContext
    ) -> None:
        self.state = state
        self.principal = principal
        self.call_id = call_id
        self.idempotency_key = idempotency_key
        self._call = call

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Tell a caller who listens how far the work is; `done` must grow. Costs nothing where nobody does."""
        if self._call.progress is not None:
            self._call.progress(Progress(done, total, message))
