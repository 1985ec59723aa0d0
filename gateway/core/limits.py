"""Limits: how often, how many at once, and how much a day a rule lets calls through.

Held for the rule that decided, and only by calls that are made: a call that is refused, by a limit or by anything
else before it is sent, gives back what it took. Rates and concurrency are counted here, in memory, for this
process; budgets a day by the ledger, in the transaction that records the intent: they are exact over processes
and restarts, and where one is reached nothing else changes.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Literal, NamedTuple, get_args

import msgspec

from gateway.core.arguments import argument_types
from gateway.core.constraints import Flaw, Path
from gateway.core.digests import canonical
from gateway.core.ports import Clock, Spend
from toolward.errors import Overloaded
from toolward.names import closest
from toolward.types import JsonObject, Principal

Per = Literal["principal", "tenant", "rule"]
PERS: tuple[str, ...] = get_args(Per)

SECONDS = {"second": 1, "minute": 60, "hour": 3600}
"""The periods of a rate."""

MOST_A_PERIOD = 10_000
"""The highest rate: the time of each call in a period is remembered."""

MOST_A_DAY = 10**15
"""The highest budget: what every database holds exactly."""

DAY_MS = 86_400_000

_MANY = 10_000  # callers and rules remembered, before those that are idle are forgotten


class Rate(NamedTuple):
    """At most so many calls in any stretch of so many seconds."""

    calls: int
    seconds: int


class Limits(msgspec.Struct, frozen=True):
    """Of one rule; 0 = no such limit. Each caller, each tenant, or everybody under the rule has them (`per`)."""

    rate: Rate | None = None
    concurrency: int = 0
    calls_per_day: int = 0
    sums_per_day: Mapping[str, int] = {}  # by argument
    per: Per = "principal"


NO_LIMITS = Limits()


def flaws_of_sums(limits: Limits, args: JsonObject, input_schema: JsonObject) -> Iterator[Flaw]:
    """What is wrong with the sums for one tool, where `args` are those of the rule. A call without the argument
    would not be counted, so it must be required."""
    if not limits.sums_per_day:
        return
    declared = argument_types(input_schema)
    required = {*input_schema.get("required", ()), *args.get("required", ())}
    for name in limits.sums_per_day:
        path: Path = ("limits", "per_day", "sums", name)
        if name not in declared:
            near = closest(name, declared)
            yield Flaw(path, f"it has no argument {name!r}" + (f", did you mean {near!r}?" if near else ""))
        elif (kind := declared[name].kind) != "integer":
            said = "any value" if kind == "any" else f"{kind}"
            yield Flaw(path, f"its {name} is {said}, and only whole numbers (integer) can be added up")
        elif name not in required:
            yield Flaw(
                path, f"its {name} may be left out, and then nothing would be added; require it in `args`"
            )


class Limiter:
    """The rates and concurrency of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}
        self._sweep_at = _MANY

    def hold(
        self, rule: str, limits: Limits, principal: Principal, arguments: JsonObject, now_ms: int
    ) -> "Hold":
        """What one call of `principal` must hold of the limits of `rule`. Nothing is taken yet. `now_ms` is the
        time of the call, in Unix ms."""
        if limits is NO_LIMITS:
            return NOTHING_HELD
        scope = scope_of(limits.per, principal)
        spends = tuple(_spends(rule, limits, scope, arguments, now_ms // DAY_MS))
        if limits.rate is None and not limits.concurrency:
            return Hold(rule, limits, spends, None, self._clock)
        return Hold(rule, limits, spends, self._window((rule, scope)), self._clock)

    def _window(self, key: tuple[str, str]) -> "_Window":
        if (known := self._windows.get(key)) is not None:
            return known
        if len(self._windows) >= self._sweep_at:
            self._forget_idle()
        made = self._windows[key] = _Window()
        return made

    def _forget_idle(self) -> None:
        now = self._clock.monotonic()
        longest = max(SECONDS.values())
        self._windows = {
            key: window for key, window in self._windows.items() if not window.idle_since(now - longest)
        }
        self._sweep_at = max(_MANY, 2 * len(self._windows))


class _Window:
    """The calls of one rule and scope: when those of the last period began, and how many are under way."""

    __slots__ = ("began", "running")

    def __init__(self) -> None:
        self.began: deque[float] = deque()
        self.running = 0

    def idle_since(self, moment: float) -> bool:
        return not self.running and (not self.began or self.began[-1] <= moment)


class Hold:
    """What one call holds, from just before its intent (`take`) to its end (leaving the `with`)."""

    __slots__ = ("_clock", "_limits", "_rule", "_taken", "_window", "spends")

    def __init__(
        self,
        rule: str,
        limits: Limits,
        spends: tuple[Spend, ...],
        window: _Window | None,
        clock: Clock | None,
    ) -> None:
        self.spends = spends
        self._rule = rule
        self._limits = limits
        self._window = window
        self._clock = clock
        self._taken: float | None = None

    def __enter__(self) -> "Hold":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._window is not None and self._taken is not None:
            self._window.running -= 1
            self._taken = None

    def take(self) -> None:
        """Raises Overloaded, and takes nothing, when the rate or the concurrency is reached."""
        if self._window is None or self._clock is None:
            return
        now = self._clock.monotonic()
        self._check(self._window, now)
        self._window.running += 1
        if self._limits.rate is not None:
            self._window.began.append(now)
        self._taken = now

    def give_back(self) -> None:
        """The call is not made: it does not count in the rate either."""
        if self._window is not None and self._taken is not None:
            self._window.running -= 1
            with suppress(ValueError):  # no rate, or the period has passed meanwhile
                self._window.began.remove(self._taken)
            self._taken = None

    def _check(self, window: _Window, now: float) -> None:
        limits = self._limits
        if limits.concurrency and window.running >= limits.concurrency:
            said = f"{_calls(limits.concurrency)} at once"
            raise _reached(self._rule, said, limits.per, 1.0, "Wait until one of them has ended.")
        if limits.rate is None:
            return
        calls, seconds = limits.rate
        began = window.began
        while began and began[0] <= now - seconds:
            began.popleft()
        if len(began) >= calls:
            wait = max(began[len(began) - calls] + seconds - now, 0.001)
            said = f"{_calls(calls)} in {_period(seconds)}"
            raise _reached(self._rule, said, limits.per, wait, f"Call again in {wait:.3g} seconds.")


NOTHING_HELD = Hold("", NO_LIMITS, (), None, None)
"""Of a call whose rule has no limits."""


def exceeded(spend: Spend, used: int, now_ms: int) -> Overloaded:
    """The error for a call that would take more than is left of its budget. `now_ms` is in Unix ms."""
    wait = max(((spend.day + 1) * DAY_MS - now_ms) / 1000, 1.0)
    argument = spend.measure.removeprefix(_SUM)
    if argument == spend.measure:
        said = f"{_calls(spend.at_most)} a day"
    else:
        said = f"{argument} up to {spend.at_most:,} a day in sum (now {used:,}, and this call has {spend.amount:,})"
    hint = "Days begin at midnight UTC."
    if spend.amount > spend.at_most:
        hint = "No call may have that much: ask for less."
    return _reached(spend.rule, said, spend.per, wait, hint)


_SUM = "sum:"


def _spends(rule: str, limits: Limits, scope: str, arguments: JsonObject, day: int) -> Iterator[Spend]:
    if limits.calls_per_day:
        yield Spend(rule, "calls", scope, day, 1, limits.calls_per_day, limits.per)
    for name, at_most in limits.sums_per_day.items():
        # The schema says integer, and 5.0 is one. What is below zero must not make room for more.
        yield Spend(rule, _SUM + name, scope, day, abs(int(arguments[name])), at_most, limits.per)


def scope_of(per: Per, principal: Principal) -> str:
    """Who shares a limit, as one text that nobody else has."""
    parts: dict[Per, Sequence[str]] = {
        "principal": (per, principal.tenant, principal.id),
        "tenant": (per, principal.tenant),
        "rule": (per,),
    }
    return canonical(parts[per]).decode()


_WHOSE: dict[str, str] = {
    "principal": "for each caller",
    "tenant": "for each tenant",
    "rule": "for all callers together",
}


def _reached(rule: str, said: str, per: str, wait: float, hint: str) -> Overloaded:
    return Overloaded(
        f"A limit of the rule {rule} is reached: {said}, {_WHOSE[per]}.",
        hint=hint,
        rule=rule,
        retry_after=round(wait, 3),
    )


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count:,} calls"


def _period(seconds: int) -> str:
    return next(f"any {name}" for name, length in SECONDS.items() if length == seconds)
