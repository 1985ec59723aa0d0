"""Budgets a day: how many tokens, and how much money, the runs of somebody may take of models. Pure.

What is taken is counted for whoever shares it (a principal, a tenant, all whom a budget is for), not for the
budget: one that is changed at noon holds at once, with what the same people have taken since midnight UTC.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from gateway.core.digests import canonical
from gateway.core.globs import globs
from gateway.core.limits import MOST_A_DAY, Per, scope_of
from gateway.core.model_spec import BILLION
from gateway.core.ports import ModelUse, Taken
from toolward.types import Principal

NOTHING = Taken()
_HINT = "Days begin at midnight UTC."
_WHOSE: Mapping[Per, str] = {
    "principal": "each of them",
    "tenant": "each tenant",
    "rule": "all of them together",
}


class Budget(msgspec.Struct, frozen=True):
    """Of those whom one of `principals` names (globs over labels; empty = everybody). 0 = no bound; one of the two
    there is. `rule`: all of them share it."""

    principals: tuple[str, ...] = ()
    tokens_per_day: int = 0  # input and output
    cost_per_day: int = 0  # billionths of a US dollar
    per: Per = "principal"

    def is_for(self, principal: Principal) -> bool:
        return not self.principals or globs(self.principals).matches_any(principal.labels)

    def scope(self, principal: Principal) -> str:
        """Who shares it, as one text."""
        if self.per == "rule":
            return canonical(("rule", *sorted(self.principals))).decode()
        return scope_of(self.per, principal)

    def __str__(self) -> str:
        whose = ", ".join(self.principals) or "everybody"
        return f"for {whose} ({_WHOSE[self.per]})"


def budgets_of(budgets: Sequence[Budget], principal: Principal) -> tuple[Budget, ...]:
    return tuple(budget for budget in budgets if budget.is_for(principal))


def scopes(budgets: Sequence[Budget], principal: Principal) -> tuple[str, ...]:
    """Where it is counted what `principal` takes, each once. `budgets` are those that are for it."""
    return tuple(dict.fromkeys(budget.scope(principal) for budget in budgets))


def reached(
    budgets: Sequence[Budget],
    principal: Principal,
    taken: Mapping[str, Taken],
    tokens: int,
    cost: int | None,
) -> str:
    """Which of the `budgets` that are for `principal` has no room for so much more, and what to do; empty where all
    have. `taken` is by scope, with what others are about to take. A `cost` of None is that of an endpoint without a
    price: it is never within a budget of money, for nobody could tell."""
    for budget in budgets:
        for said in _over(budget, taken.get(budget.scope(principal), NOTHING), tokens, cost):
            return said
    return ""


def use(where: Sequence[str], tokens: int, cost: int) -> ModelUse | None:
    """What a reply took, for the log; None where nobody counts it. Whatever an endpoint says of itself, it is not
    below zero, where it would make room for more, and not more than a database holds."""
    if not where:
        return None
    return ModelUse(tuple(where), *(min(max(amount, 0), MOST_A_DAY) for amount in (tokens, cost)))


def _over(budget: Budget, taken: Taken, tokens: int, cost: int | None) -> Iterator[str]:
    if budget.tokens_per_day and taken.tokens + tokens > budget.tokens_per_day:
        yield (
            f"The budget of {budget.tokens_per_day:,} tokens a day {budget} is reached: {taken.tokens:,} are taken,"
            f" and this call may take {tokens:,}. {_HINT}"
        )
    if not budget.cost_per_day:
        return
    if cost is None:
        yield (
            f"There is a budget of {dollars(budget.cost_per_day)} a day {budget}, and the model endpoint has no"
            " price, so nobody could tell what is left of it. Give the endpoint prices, or the agent another one."
        )
    elif taken.cost + cost > budget.cost_per_day or taken.cost >= budget.cost_per_day:
        yield (
            f"The budget of {dollars(budget.cost_per_day)} a day {budget} is reached: {dollars(taken.cost)} are"
            f" taken, and this call may take {dollars(cost)}. {_HINT}"
        )


def dollars(billionths: int) -> str:
    """`$5.00`, `$0.0042`: at least two places, and no more than are there."""
    whole, part = divmod(billionths, BILLION)
    places = f"{part:09}".rstrip("0").ljust(2, "0")
    return f"${whole:,}.{places}"
