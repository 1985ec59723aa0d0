"""A circuit breaker: a backend or model endpoint that fails again and again is left alone for a while, then tried
by one call.

    closed --`after` failures in a row--> open --its time is over--> one probe --success--> closed
                                            ^-------------failure, twice the time------------'

Pure over the clock that callers bring: seconds that never go back.
"""

TOGETHER = 0.1
"""Seconds: calls that were under way together and fail together say one thing, that one connection was lost."""


class Breaker:
    """Ask `refusal` before a call, `begin` it, `end` it."""

    def __init__(self, after: int = 5, first_wait: float = 1.0, longest_wait: float = 30.0) -> None:
        self._after = after
        self._first_wait = first_wait
        self._longest_wait = longest_wait
        self._failures = 0  # in a row
        self._counted = 0.0  # when the last of them was
        self._wait = 0.0  # 0 = closed
        self._until = 0.0
        self._probing = False

    @property
    def is_open(self) -> bool:
        return self._wait > 0

    @property
    def is_calm(self) -> bool:
        """Whether it is closed and nothing has failed of late: a success says nothing new."""
        return not self._wait and not self._failures

    def refusal(self, now: float) -> float | None:
        """Seconds after which a call may be tried again; None where it may be made now."""
        if not self.is_open:
            return None
        if self._probing:
            return self._first_wait
        return (
            min(self._until - now, self._longest_wait) if now < self._until else None
        )  # rounding may add to it

    def begin(self) -> bool:
        """A call that was not refused. True where it is the probe: hand that back to `end`."""
        probe, self._probing = self.is_open, self.is_open
        return probe

    def end(self, probe: bool, well: bool | None, now: float, begun: float | None = None) -> None:
        """`well`: whether what was called showed itself to be well; None where the call says nothing of that.
        `begun` is when the call began, where that is known."""
        if probe:
            self._probing = False
        if well:
            self._failures, self._wait = 0, 0.0
        elif well is False and (probe or not self._is_known(now, begun)):
            self._failures += 1
            self._counted = now
            if probe or (not self.is_open and self._failures >= self._after):
                self._wait = min(max(self._wait * 2, self._first_wait), self._longest_wait)
                self._until = now + self._wait

    def _is_known(self, now: float, begun: float | None) -> bool:
        """Whether a failure tells nothing that the last one did not."""
        together = begun is not None and begun <= self._counted and now - self._counted < TOGETHER
        return self._failures > 0 and together

    def renewed(self) -> None:
        """There is a new connection, perhaps a new process: calls may be made, and one failure opens it again."""
        if self.is_open:
            self._failures, self._wait = self._after - 1, 0.0
