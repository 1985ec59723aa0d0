"""Tables on terminals of any width: they fit where that is possible, and all is there that can be copied."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.tables import in_width

HEADER = ("request", "kind", "asks")
ID = "req_1m8d936fnzekke7cc0jk"
ASKS = "May local call crm.refund_payment? The rule small-refunds asks for approval, up to 50.00."
ROWS = [[ID, "approval", ASKS], [ID.replace("1m", "2m"), "question", "Which order?"]]


def test_a_wide_terminal_has_a_line_for_each() -> None:
    lines = list(in_width(HEADER, ROWS, 200))
    assert lines[1] == f"{ID}  approval  {ASKS}"
    assert len(lines) == 3


def test_text_is_folded_in_its_column() -> None:
    header, *lines = in_width(HEADER, ROWS, 80)
    assert max(map(len, lines)) <= 80
    column = header.index("ASKS")
    assert [line[column - 2 : column] for line in lines] == ["  "] * len(lines)
    assert " ".join(line[column:] for line in lines[:-1]) == ASKS


def test_where_columns_have_no_room_each_row_is_several_lines_and_so_is_the_header() -> None:
    lines = list(in_width(HEADER, ROWS, 50))
    assert lines[:4] == ["REQUEST                   KIND", "  ASKS", f"{ID}  approval", f"  {ASKS[:43]}"]
    assert max(map(len, lines)) <= 50
    assert lines[-1] == "  Which order?"


def test_what_is_empty_takes_no_line() -> None:
    lines = list(in_width((*HEADER, "taken by"), [[*row, ""] for row in ROWS], 50))
    assert all(line.strip() for line in lines)
    assert lines[-1] == "  Which order?"


def test_a_table_without_rows_is_its_header() -> None:
    assert list(in_width(HEADER, [], 30)) == ["REQUEST  KIND  ASKS"]


@given(
    st.lists(st.lists(st.text("ab -ü", max_size=60), min_size=3, max_size=3), min_size=1, max_size=4),
    st.integers(1, 120),
)
@pytest.mark.filterwarnings("error")
def test_no_word_is_lost_at_any_width(rows: list[list[str]], width: int) -> None:
    shown = " ".join(in_width(HEADER, rows, width))
    for cell in (cell for row in rows for cell in row):
        for word in cell.split():
            assert re.search(rf"(^|\s){re.escape(word)}(\s|$)", shown)
