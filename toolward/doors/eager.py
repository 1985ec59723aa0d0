"""Run a coroutine as far as it goes without waiting, and only then pay for what guards a wait: a timer costs
several microseconds, which is much beside a call that never waits."""

from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")


class Begun(Generic[T]):
    """`work`, run up to its first wait in the task that makes this; the same task must `finish` it where it is
    not `done`. What `work` raises before it waits is raised here."""

    __slots__ = ("_pending", "_work", "done", "value")

    value: T
    """The result, where it is `done`."""

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._work = work
        self.done = False
        try:
            self._pending = work.send(None)
        except StopIteration as end:
            self.done = True
            self.value = end.value

    @coroutine
    def finish(self) -> Generator[Any, Any, T]:
        """The rest of it, with the cancellation that may come meanwhile."""
        pending = self._pending
        while True:
            try:
                yield pending
            except BaseException as error:  # into the work it goes, whatever it is
                try:
                    pending = self._work.throw(error)
                except StopIteration as end:
                    return cast(T, end.value)
            else:
                return (yield from self._work.__await__())
