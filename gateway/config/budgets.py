"""The section `budgets` of `toolward.yaml`: how much whose runs may take of models in a day."""

from typing import cast

from gateway.config.reader import Section
from gateway.core.budgets import Budget
from gateway.core.limits import MOST_A_DAY, PERS, Per
from gateway.core.policy_document import APPROVERS, flaw_in_label

MOST = 100


def read_budgets(root: Section) -> tuple[Budget, ...]:
    found: list[Budget] = []
    for at in root.sections("budgets"):
        budget = _budget(at)
        if any((set(budget.principals), budget.per) == (set(one.principals), one.per) for one in found):
            at.wrong("principals" if budget.principals else "per", "are those of another budget; write one")
        found.append(budget)
    if len(found) > MOST:
        root.wrong("budgets", f"are {len(found)}, and at most {MOST} are taken")
    return tuple(found)


def _budget(at: Section) -> Budget:
    at.only("principals", "tokens_per_day", "cost_per_day", "per")
    principals = at.texts("principals")
    if "principals" in at and not principals:
        at.wrong("principals", "is empty, so that it is for nobody; leave it out for everybody")
    for index, label in enumerate(principals):
        if flaw := flaw_in_label(label, APPROVERS):
            at.wrong_item("principals", index, flaw)
    if not {"tokens_per_day", "cost_per_day"} & set(at):
        at.missing("tokens_per_day", "tokens_per_day: 2_000_000, or cost_per_day: 5.00")
    cost = at.dollars("cost_per_day")
    if "cost_per_day" in at and not cost:
        at.wrong("cost_per_day", "must be above 0")
    return Budget(
        principals=principals,
        tokens_per_day=at.count("tokens_per_day", 0, least=1, most=MOST_A_DAY)
        if "tokens_per_day" in at
        else 0,
        cost_per_day=cost,
        per=cast(Per, at.one_of("per", *PERS)) if "per" in at else "principal",
    )
