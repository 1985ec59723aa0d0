"""Budgets a day, asked before a model is: what the ledger counts, and what runs of this process are about to take.

Each process knows only its own calls under way, so several gateways on one ledger may go over a budget by what they
have under way at the moment in which it is reached. What was taken is always counted exactly.
"""

from collections.abc import Callable, Sequence
from types import TracebackType

from gateway.core.budgets import NOTHING, Budget, budgets_of, reached, scopes, use
from gateway.core.limits import DAY_MS
from gateway.core.ports import Clock, ModelUse, RunLogPort, Taken, Usage
from toolward.types import Principal


class Hold:
    """Room in the budgets for one question, until the `with` is left: when what it took is on record, or it failed.
    `reached` says why there is no room, and nothing is held. Who asks nevertheless (for a run's last words) has it
    counted like any other."""

    __slots__ = ("_held", "cost", "reached", "scopes", "tokens")

    def __init__(
        self, held: "set[Hold]", where: tuple[str, ...], tokens: int, cost: int, reached: str = ""
    ) -> None:
        self._held = held
        self.scopes = where
        self.tokens = tokens
        self.cost = cost
        self.reached = reached

    def took(self, usage: Usage, cost: int | None) -> ModelUse | None:
        """What the reply took, to be stored with it. One whose cost is not known counts as what was held for it."""
        return use(self.scopes, usage.input_tokens + usage.output_tokens, self.cost if cost is None else cost)

    def __enter__(self) -> "Hold":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.discard(self)


class Budgets:
    def __init__(self, budgets: Callable[[], Sequence[Budget]], log: RunLogPort, clock: Clock) -> None:
        """`budgets` gives those in force now."""
        self._budgets = budgets
        self._log = log
        self._clock = clock
        self._held: set[Hold] = set()
        self._looking: dict[object, set[Hold]] = {}

    async def hold(self, principal: Principal, tokens: int, cost: int | None) -> Hold:
        """Room for a question of `principal` that may take so much; `cost` in billionths of a US dollar, None where
        an endpoint that may answer has no price. Use it as a context manager. Raises Unavailable."""
        budgets = budgets_of(self._budgets(), principal)
        if not budgets:
            return Hold(self._held, (), 0, 0)
        where = scopes(budgets, principal)
        taken = await self._taken(where)
        if said := reached(budgets, principal, taken, tokens, cost):
            return Hold(self._held, where, tokens, cost or 0, said)
        hold = Hold(self._held, where, tokens, cost or 0)
        self._held.add(hold)
        for meanwhile in self._looking.values():
            meanwhile.add(hold)
        return hold

    async def check(self, principal: Principal, tokens: int, cost: int | None) -> str:
        """Why there is no room now, or nothing; nothing is held. Raises Unavailable."""
        with await self.hold(principal, tokens, cost) as hold:
            return hold.reached

    async def _taken(self, where: Sequence[str]) -> dict[str, Taken]:
        """On record and held, by scope. What ends while the ledger is read counts as held: nobody can tell whether
        it was read already."""
        me = object()
        held = self._looking[me] = set(self._held)
        try:
            found = await self._log.taken(where, self._clock.now_ms() // DAY_MS)
        finally:
            del self._looking[me]
        return {scope: _with(found.get(scope, NOTHING), held, scope) for scope in where}


def _with(taken: Taken, held: set[Hold], scope: str) -> Taken:
    mine = [hold for hold in held if scope in hold.scopes]
    return Taken(
        taken.tokens + sum(hold.tokens for hold in mine), taken.cost + sum(hold.cost for hold in mine)
    )
