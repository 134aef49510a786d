"""Selected cells of rows, and the text in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.ui.cells import cell_len
from r1local.ui.chat.items import Row, text_of
from r1local.ui.chat.selection import Selection, selected, text_in

ROWS = st.lists(
    st.tuples(st.sampled_from(["", "bold"]), st.text("ab 数👩é", max_size=6)), max_size=4
)
PLACES = st.tuples(st.integers(0, 5), st.integers(0, 20))


@given(ROWS, st.integers(0, 30), st.integers(0, 30))
def test_what_is_highlighted_is_the_text_selected_and_nothing_else_changes(
    row: Row, start: int, end: int
) -> None:
    marked = selected(row, start, end)
    assert text_of(marked) == text_of(row)
    text = "".join(text for style, text in marked if style == "class:selected")
    assert text_in(row, start, end) == text.rstrip()
    assert cell_len(text) <= max(end - start, 0) + 2, "wide characters are selected whole"


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [(1, 3, "数学"), (0, 1, "数"), (1, 2, "数"), (2, 6, "学👩‍👩‍👧"), (5, 6, "👩‍👩‍👧")],
)
def test_a_wide_character_is_selected_by_either_half(start: int, end: int, text: str) -> None:
    assert text_in([("", "数学"), ("bold", "👩‍👩‍👧 x")], start, end) == text


@given(PLACES, PLACES)
def test_both_directions_select_the_same(one: tuple[int, int], other: tuple[int, int]) -> None:
    there, back = Selection(one, other), Selection(other, one)
    assert there.rows == back.rows
    for row in range(7):
        assert there.cells(row) == back.cells(row)
        assert (there.cells(row) != (0, 0)) == (row in there.rows)
