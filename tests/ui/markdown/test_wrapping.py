"""Lines are broken where the language allows it, and no character is lost."""

import re
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from r1local.ui.cells import cell_len
from r1local.ui.markdown.wrapping import WordStream, wrap, wrapped_lines


def test_a_full_stop_stays_with_a_latin_bracket() -> None:
    rows = wrapped_lines("速度を測る (投票)。続き", 17)
    assert rows == ["速度を測る (投", "票)。続き"]


def test_a_latin_point_stays_with_its_sentence() -> None:
    rows = [row.plain for row in wrap(Text("答えは日本語. 次は、(日本), 日本.txt"), 12)]
    assert rows == ["答えは日本", "語. 次は、", "(日本), 日本", ".txt"]


@pytest.mark.parametrize(
    ("text", "width", "rows"),
    [
        (
            "端末で思考と回答をこの桁数で折り返す。",
            16,
            ["端末で思考と", "回答をこの桁数で", "折り返す。"],
        ),
        ("GGUF ファイル、または ENDPOINT", 16, ["GGUF ファイル、", "または ENDPOINT"]),
        ("1 行ごとの JSON。思考を、1 行に", 16, ["1 行ごとの", "JSON。思考を、", "1 行に"]),
        (
            "ここでは DeepSeek は R1 には (7b など) を",
            14,
            ["ここでは", "DeepSeek は", "R1 には", "(7b など) を"],
        ),
        ("を終える。 [既定: (0.6)]", 15, ["を終える。", "[既定: (0.6)]"]),
        ("値。 [既定: (インストール)]", 20, ["値。 [既定:", "(インストール)]"]),
        ("速度は約 2.6〜6.4 トークン/秒", 20, ["速度は約", "2.6〜6.4 トークン/秒"]),
        ("コンテキストの長さ", 8, ["コンテキ", "ストの", "長さ"]),
    ],
)
def test_phrases_stay_whole_where_a_row_has_room(text: str, width: int, rows: list[str]) -> None:
    assert wrapped_lines(text, width, by_phrase=True) == rows


@pytest.mark.parametrize("by_phrase", [False, True])
@pytest.mark.parametrize("start", ["", "hint: ", "ヒント: "])
def test_a_word_wider_than_a_row_has_no_empty_row_before_it(start: str, by_phrase: bool) -> None:
    rows = wrapped_lines(f"{start}/tmp/{'a' * 30}", 10, by_phrase=by_phrase)
    assert all(rows)
    assert max(map(cell_len, rows)) <= 10


@pytest.mark.parametrize("piece", ["[日", "(", "（", "1〜", "漢き", "日:", "[日: "])
def test_long_texts_take_no_more_than_their_share_of_time(piece: str) -> None:
    begin = process_time()
    wrapped_lines(piece * 5_000, 40, by_phrase=True)
    short = process_time()
    wrapped_lines(piece * 40_000, 40, by_phrase=True)
    assert process_time() - short < 24 * (short - begin) + 0.5


@given(st.text("ab1 日の本カナ/〜(）。[:]、\n", max_size=30), st.integers(2, 20))
def test_rows_by_phrase_are_narrow_enough_and_lose_nothing(text: str, width: int) -> None:
    rows = wrapped_lines(text, width, by_phrase=True)
    assert re.sub(r"\s", "", "".join(rows)) == re.sub(r"\s", "", text)
    assert all(cell_len(row) <= width for row in rows)


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
