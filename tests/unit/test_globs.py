"""Patterns and digests: small, and everything stands on them."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.digests import arguments_digest
from gateway.core.globs import Globs, flaw_in_tool_glob

_LETTERS = st.text("ab.*", max_size=8)


@given(_LETTERS, st.text("ab.\n", max_size=12))
def test_a_star_is_any_run_of_characters_and_the_rest_is_itself(pattern: str, name: str) -> None:
    assert Globs([pattern]).matches(name) == fnmatchcase(name, pattern)


@pytest.mark.parametrize("pattern", ["crm.get?", "crm.[ab]", "crm.get_record$", "(crm.get_record)"])
def test_nothing_else_is_special(pattern: str) -> None:
    known = Globs([pattern])
    assert not known.matches("crm.get_record")
    assert known.matches(pattern)


def test_an_empty_set_matches_nothing() -> None:
    assert not Globs([]).matches("")
    assert not Globs([]).matches("crm.get_record")


def test_many_stars_over_a_long_name_cost_no_time() -> None:
    assert not Globs(["*a" * 40 + "*b"]).matches("a" * 20_000)


@pytest.mark.parametrize("pattern", ["*", "crm.*", "*.get_record", "crm.get_*"])
def test_sound_patterns_over_tools(pattern: str) -> None:
    assert flaw_in_tool_glob(pattern) == ""


@given(st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), min_size=2))
def test_a_digest_is_of_the_value_and_not_of_its_order(arguments: dict[str, int | str]) -> None:
    turned = dict(reversed(arguments.items()))
    assert arguments_digest(turned) == arguments_digest(arguments)


def test_digests_tell_values_apart_that_look_alike() -> None:
    values = [1, 1.0, "1", True, [1], None, 2**70, 2**70 + 1, float(2**70)]
    assert len({arguments_digest({"a": value}) for value in values}) == len(values)
