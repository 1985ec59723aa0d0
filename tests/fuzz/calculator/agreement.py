"""One expression through the calculator and through the reference: whether both say the same."""

import random
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

from tests.fuzz.calculator import reference
from tests.fuzz.calculator.growing import Grower
from tests.fuzz.calculator.reference import VARIABLES, Huge, Undefined, Unsure
from tests.fuzz.calculator.trees import Tree, Writer
from toolservers.calculator.expressions.calculate import Calculation, calculate
from toolward.errors import ToolError

_REFUSED_FOR = {
    "limit": ("which is the limit", "; the limit is", "estimated work", "nested more than", "characters"),
    "undecided": ("digits do not tell",),
    "comma": ("could also separate arguments",),
}
_ALLOWED = 0.05  # the share of the expressions that may stay undecided by either side


class Difference(Exception):
    """The calculator and another program do not agree, and no stated convention explains it."""


@dataclass(frozen=True)
class Asked:
    text: str
    tree: Tree
    digits: int

    def __str__(self) -> str:
        return f"{self.text!r} to {self.digits} digits"


def agree(count: int, seed: int) -> Counter[str]:
    """How often what was found. Raises Difference at the first one that is not explained."""
    dice = random.Random(seed)
    grower = Grower(dice)
    found: Counter[str] = Counter()
    for number in range(count):
        tree = grower.tree(dice.choice([1, 2, 2, 3, 3, 4, 5, 6, 8]))
        text = Writer(dice).text(tree)
        asked = Asked(text, tree, dice.choice([50, 50, 50, 1, 5, 15, 34, 80]))
        found[compared(asked)] += 1
        if number % 4 == 0:
            _understood(asked)
    unsure = found["reference unsure"] + found["undecided"]
    if count >= 1000 and unsure > _ALLOWED * count:
        raise Difference(f"{unsure} of {count} are undecided, which is too many to show anything")
    return found


def _understood(asked: Asked) -> None:
    """What the calculator says that it understood has the same value, without the variables."""
    try:
        given = calculate(asked.text, VARIABLES, asked.digits)
    except ToolError:
        return
    try:
        again = calculate(given.expression, digits=asked.digits)
    except ToolError as error:
        if "characters" not in str(error):
            raise Difference(
                f"{asked}: understood as {given.expression!r}, which is refused: {error}"
            ) from None
        return
    if (again.exact, again.decimal) != (given.exact, given.decimal):
        raise Difference(f"{asked}: understood as {given.expression!r}, which has another value")


def compared(asked: Asked) -> str:
    """What both found: "exact", "real", or why there is no value."""
    try:
        wanted = reference.value_of(asked.tree)
    except (Undefined, Unsure, Huge) as none:
        wanted = none
    try:
        given = calculate(asked.text, VARIABLES, asked.digits)
    except ToolError as error:
        return _refused(asked, wanted, str(error))
    if isinstance(wanted, Undefined):
        raise Difference(f"{asked}: there is no value, and the calculator gives {given}")
    if isinstance(wanted, Huge):
        raise Difference(f"{asked}: over the limit, and the calculator gives {given}")
    if isinstance(wanted, Unsure):
        return "reference unsure"
    return _same(asked, wanted, given)


def _refused(asked: Asked, wanted: reference.Number, error: str) -> str:
    reason = next((name for name, texts in _REFUSED_FOR.items() if any(text in error for text in texts)), "")
    if isinstance(wanted, Unsure):
        return "reference unsure"
    if isinstance(wanted, Undefined):
        return "undefined"
    if reason == "undecided" and isinstance(wanted, Fraction):
        raise Difference(f"{asked}: is {wanted} exactly, and the calculator is undecided")
    if not reason:
        raise Difference(f"{asked}: is {wanted}, and the calculator refuses: {error}")
    return reason


def _same(asked: Asked, wanted: reference.Number, given: Calculation) -> str:
    exact = given.exact
    if isinstance(wanted, Fraction):
        if exact is not None and Fraction(exact) != wanted:
            raise Difference(f"{asked}: is {wanted}, and the calculator gives {exact}")
    elif exact is not None:  # such as sin(30 deg): a claim that the reference sees to hold to 300 digits
        _near(asked, wanted, Fraction(exact), Fraction(1, 10**300))
    half = Fraction(1, 2) * Fraction(10) ** (1 - asked.digits)
    _near(asked, wanted, Fraction(given.decimal), half)
    return "exact" if exact is not None else "real"


def _near(asked: Asked, wanted: reference.Number, shown: Fraction, relative: Fraction) -> None:
    if isinstance(wanted, Fraction):
        right = abs(shown - wanted) <= abs(wanted) * relative
    else:
        noise = reference.mp.mpf(10) ** -300
        right = (
            abs(reference.real(shown) - wanted)
            <= abs(wanted) * reference.real(relative) * (1 + noise) + noise
        )
    if not right:
        raise Difference(f"{asked}: is {wanted}, and the calculator shows {shown}")
