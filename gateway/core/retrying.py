"""Which failed call is made again, when, and how many in all.

Own lines rather than a library's: what may be repeated is decided by our error tree and the tools' facts. A retry
must not multiply an outage, so each backend or model endpoint has a budget: a call earns a tenth of a retry, at
most ten are saved.
"""

from collections.abc import Callable
from math import inf

import msgspec

from gateway.core.catalog import ToolFacts
from toolward.errors import ToolwardError


class RetryRules(msgspec.Struct, frozen=True):
    """At most `attempts` in all. Waits are drawn from 0 to `wait` seconds, doubled with each attempt up to
    `longest`; an error that says to come back later than `longest` is not waited for."""

    attempts: int = 3
    wait: float = 0.1
    longest: float = 2.0
    earned: float = 0.1  # of a retry, by each call
    saved: float = 10.0  # retries, at most


class Retries:
    """`draw` gives a random number from 0 up to 1."""

    def __init__(self, draw: Callable[[], float], rules: RetryRules | None = None) -> None:
        self._draw = draw
        self._rules = rules or RetryRules()
        self._budgets: dict[str, float] = {}  # by backend

    def earn(self, backend: str) -> None:
        """A call is made."""
        rules = self._rules
        self._budgets[backend] = min(self._budgets.get(backend, rules.saved) + rules.earned, rules.saved)

    def pause(self, backend: str, error: ToolwardError, attempt: int, *, within: float = inf) -> float | None:
        """Seconds to wait after the failure of attempt 1, 2, …, for a call that may be repeated; None where it is
        not made again, also because the wait would take all of `within` seconds. A pause that is given is paid
        for."""
        rules = self._rules
        if attempt >= rules.attempts or error.answered:  # who answers has decided already
            return None
        wait = self._draw() * min(rules.wait * 2 ** (attempt - 1), rules.longest)
        if error.retry_after is not None:
            wait += error.retry_after
        left = self._budgets.get(backend, rules.saved)
        if wait > rules.longest or wait >= within or left < 1:
            return None
        self._budgets[backend] = left - 1
        return wait


def may_repeat(facts: ToolFacts, key: str) -> bool:
    """Whether a call whose fate is not known does no harm when it is made again."""
    return not facts.changes or facts.idempotent or (facts.keeps_keys and bool(key))
