"""Lines are broken where the language allows it, and no character is lost."""

import re

from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from r1local.ui.markdown.wrapping import WordStream, wrap, wrapped_lines


def test_a_full_stop_stays_with_a_latin_bracket() -> None:
    rows = wrapped_lines("速度を測る (投票)。続き", 17)
    assert rows == ["速度を測る (投", "票)。続き"]


def test_a_latin_point_stays_with_its_sentence() -> None:
    rows = [row.plain for row in wrap(Text("答えは日本語. 次は、(日本), 日本.txt"), 12)]
    assert rows == ["答えは日本", "語. 次は、", "(日本), 日本", ".txt"]


@given(
    st.lists(st.text("ab 日.\n", max_size=9), max_size=9),
    st.integers(4, 20),
)
def test_words_of_a_stream_are_broken_between(pieces: list[str], width: int) -> None:
    stream = WordStream(lambda: width)
    shown = "".join(map(stream.feed, pieces)) + stream.flush()
    whole = WordStream(lambda: width)
    assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", "".join(pieces))
    assert re.sub(r"\s", "", whole.feed("".join(pieces)) + whole.flush()) == re.sub(
        r"\s", "", shown
    )


def test_a_stream_breaks_no_word() -> None:
    stream = WordStream(lambda: 10)
    pieces = ("two wo", "rds and", " a lo", "nger-one\nok ", "fine")
    assert "".join(map(stream.feed, pieces)) + stream.flush() == (
        "two words \nand a \nlonger-one\nok fine"
    )
