import inspect

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolward import errors
from toolward.errors import BY_CODE, ToolwardError, Violation
from toolward.wire.errors import CODES, details, from_details, from_problem, to_jsonrpc, to_problem
from toolward.wire.grpc_errors import from_status, to_status

words = (
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
    .map(str.strip)
    .filter(bool)
)


@st.composite
def some_errors(draw: st.DrawFn) -> ToolwardError:
    kind = draw(st.sampled_from(sorted(BY_CODE.values(), key=lambda kind: kind.code)))
    return kind(
        draw(words),
        hint=draw(st.just("") | words),
        violations=draw(st.lists(st.builds(Violation, words, words), max_size=3)),
        rule=draw(st.just("") | words),
        request_id=draw(st.just("") | words),
        retry_after=draw(st.none() | st.floats(0, 1000).map(lambda seconds: round(seconds, 3))),
    )


def seen(error: ToolwardError | None) -> object:
    assert error is not None
    retry = None if error.retry_after is None else round(error.retry_after, 3)
    return type(error), error.text, error.hint, error.violations, error.rule, error.request_id, retry


def test_every_error_has_a_code_of_its_own_at_every_door() -> None:
    kinds = [
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ToolwardError)
    ]
    assert {kind for kind in kinds if kind is not ToolwardError} == set(BY_CODE.values())
    assert set(CODES) == set(BY_CODE)


def test_the_tree_at_the_top_of_the_module_names_every_code() -> None:
    drawn = errors.__doc__ or ""
    assert all(f" {code} " in drawn for code in BY_CODE)


@given(some_errors())
def test_an_error_comes_back_from_http_as_itself(error: ToolwardError) -> None:
    _, problem = to_problem(error)
    assert seen(from_problem(msgspec.json.decode(msgspec.json.encode(problem)))) == seen(error)


@given(some_errors())
def test_an_error_comes_back_from_json_rpc_as_itself(error: ToolwardError) -> None:
    wire = msgspec.json.decode(msgspec.json.encode(to_jsonrpc(error)))
    assert seen(from_details(wire["message"], wire["data"])) == seen(error)


@given(some_errors())
def test_an_error_comes_back_from_grpc_as_itself(error: ToolwardError) -> None:
    assert seen(from_status(to_status(error))) == seen(error)


@pytest.mark.parametrize("foreign", [None, "text", [], {}, {"code": 5}, {"code": "nonsense"}])
def test_what_others_send_is_no_error_of_ours(foreign: object) -> None:
    assert from_details("message", foreign) is None


def test_details_hold_nothing_but_what_the_error_says() -> None:
    assert details(errors.NotFound("gone")) == {"code": "not_found"}
