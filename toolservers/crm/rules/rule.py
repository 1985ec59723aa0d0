"""A rule of the shop, and what is said when it stands against something."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from toolservers.crm.kinds import RuleMode


@dataclass(frozen=True, slots=True)
class Rule:
    """`id` is its name (`cancel-before-shipping`), `says` one plain sentence of it, `document` the page of the
    knowledge base that says the same (`cancelling-orders`), where there is one, and `quotes` words of that page
    (figures among them) from which the rule's own were taken.

    What is `always` so holds in every mode: it is what keeps the books true or somebody's data private, and not a
    guardrail of an agent.
    """

    id: str
    says: str
    document: str = ""
    quotes: tuple[str, ...] = ()
    always: bool = False


class Refusal(NamedTuple):
    """Why not: `because` is about these very records, `next_step` what to do instead."""

    rule: Rule
    because: str
    next_step: str = ""

    @property
    def text(self) -> str:
        said = f"{self.because} Rule {self.rule.id}: {self.rule.says}"
        return f"{said} {self.next_step}".rstrip()


def standing(refusals: Iterable[Refusal], mode: RuleMode) -> tuple[list[Refusal], list[Refusal]]:
    """Those that forbid, and those that are only told: by the mode, and by what is always so."""
    forbid: list[Refusal] = []
    told: list[Refusal] = []
    for refusal in refusals:
        if refusal.rule.always or mode == "enforce":
            forbid.append(refusal)
        elif mode == "advise":
            told.append(refusal)
    return forbid, told
