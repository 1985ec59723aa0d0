"""A small sample of `make fuzz-calculator`, and that its judge would see a wrong answer."""

import pytest

from tests.fuzz.calculator.agreement import Asked, Difference, agree, compared
from tests.fuzz.calculator.hostile import attack
from tests.fuzz.calculator.trees import Tree


def test_a_sample_agrees_with_fractions_and_mpmath() -> None:
    found = agree(150, seed=9)
    assert found["exact"] > 40
    assert found["real"] > 30


def test_a_sample_of_hostile_inputs_is_answered_or_refused() -> None:
    found = attack(150, seed=9)
    assert found["answered"] > 10
    assert found["refused"] > 50


def test_the_judge_sees_a_wrong_answer() -> None:
    two = Tree("number", text="2")
    power = Tree("neg", (Tree("pow", (two, two)),))
    assert compared(Asked("-2^2", power, 50)) == "exact"
    with pytest.raises(Difference, match="is -4, and the calculator gives 4"):
        compared(Asked("(-2)^2", power, 50))
    root = Tree("call", (two,), "sqrt")
    assert compared(Asked("sqrt(2)", root, 50)) == "real"
    with pytest.raises(Difference, match="the calculator shows"):
        compared(Asked("sqrt(2) + 1e-40", root, 50))
    with pytest.raises(Difference, match="there is no value"):
        compared(Asked("1", Tree("div", (two, Tree("number", text="0"))), 50))
