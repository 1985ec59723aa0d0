"""Time and names: what decisions may not make up themselves."""

from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """Unix time in milliseconds, for records."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for durations."""
        ...


class Ids(Protocol):
    def new(self, kind: str) -> str:
        """A fresh id that sorts by time: `run_…`, `call_…`, `req_…`."""
        ...
