"""Tables in the room there is."""

from r1local.ui.markdown.blocks import MarkdownBlocks
from r1local.ui.markdown.rows import draw


def drawn(text: str, width: int = 40) -> list[str]:
    blocks = MarkdownBlocks()
    whole = [*blocks.feed(text), *blocks.flush()]
    return [row.plain.rstrip() for row in draw(whole, None, width)]


def test_columns_are_aligned_as_their_rule_says() -> None:
    assert drawn("|a|b|c|\n|:-|-:|:-:|\n|1|2|3|\n|中文|100|***x***|") == [
        "a        b   c",
        "──────────────",
        "1        2   3",
        "中文   100   x",
    ]


def test_a_table_too_narrow_to_draw_is_shown_as_it_is() -> None:
    row = "|" + "|".join("abcdefgh") + "|"
    assert drawn(f"{row}\n{'|-' * 8}|\n{row}", 20) == [row, row]


def test_cells_beyond_the_head_are_shown() -> None:
    rows = drawn("|a|b|\n|-|-|\n|1|2|3|\n|4<br>5|")
    assert [letter for row in rows for letter in row if letter.isalnum()] == list("ab12345")


def test_no_row_is_wider_than_the_screen() -> None:
    rows = drawn("|a|b|\n|-|-|\n|" + "word " * 20 + "|1|", 30)
    assert max(map(len, rows)) <= 30
    assert sum(row.count("word") for row in rows) == 20
