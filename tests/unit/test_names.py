import string

from hypothesis import given
from hypothesis import strategies as st

from toolward.names import ALIAS_LENGTH, alias, closest, qualify, split

tool_names = st.text(string.ascii_letters + string.digits + "_.-", min_size=1, max_size=128)
backend_names = st.from_regex(r"[a-z][a-z0-9-]{0,31}", fullmatch=True)


def test_a_qualified_name_becomes_one_that_models_take() -> None:
    assert alias("crm.get_record") == "crm__get_record"


@given(backend_names, tool_names)
def test_every_alias_fits_every_model_endpoint(backend: str, tool: str) -> None:
    made = alias(qualify(backend, tool))
    assert 1 <= len(made) <= ALIAS_LENGTH
    assert set(made) <= set(string.ascii_letters + string.digits + "_-")


@given(backend_names, tool_names)
def test_a_qualified_name_splits_as_it_was_put_together(backend: str, tool: str) -> None:
    assert split(qualify(backend, tool)) == (backend, tool)


def test_overlong_names_that_begin_alike_keep_different_aliases() -> None:
    assert alias("crm." + "x" * 100 + "a") != alias("crm." + "x" * 100 + "b")


def test_the_nearest_known_name_is_offered() -> None:
    assert closest("get_recrod", ["get_record", "find_records"]) == "get_record"
    assert closest("zzz", ["get_record"]) is None
    assert closest("x" * 1000, ["x" * 999]) is None
