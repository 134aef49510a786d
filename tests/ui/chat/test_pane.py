"""Panes: rows that grow at the end, scroll by themselves, and are drawn once."""

import pytest

from r1local.ui.cells import cell_len
from r1local.ui.chat.items import MarkdownText, Passage, PlainText, Row, text_of
from r1local.ui.chat.pane import Pane


def rows_of(content: list[Row]) -> list[str]:
    """What a pane shows."""
    return [text_of(row).rstrip() for row in content]


def painted(pane: Pane, width: int = 20, height: int = 4) -> list[str]:
    return rows_of(pane.rows_in_view(width, height))


@pytest.fixture
def numbers() -> Pane:
    pane = Pane()
    pane.replace([PlainText("".join(f"row {n}\n" for n in range(100)))])
    return pane


def test_it_follows_its_end_until_it_is_scrolled_up(numbers: Pane) -> None:
    assert painted(numbers)[-1] == "row 99"
    numbers.scroll(-1)
    assert painted(numbers) == ["row 95", "row 96", "row 97", "row 98        ↓ new"]
    item = numbers.items[0]
    assert isinstance(item, PlainText)
    item.feed("more\n")
    assert painted(numbers)[0] == "row 95"
    numbers.scroll(1)
    assert painted(numbers)[-1] == "row 99        ↓ new"
    numbers.scroll(1)
    assert painted(numbers)[-1] == "more" and numbers.following


def test_pages_leave_a_row_in_view(numbers: Pane) -> None:
    painted(numbers)
    numbers.scroll_page(-1)
    assert painted(numbers)[-1].startswith("row 96")
    numbers.scroll_to_start()
    numbers.scroll_page(1)
    assert painted(numbers)[0] == "row 3"
    numbers.scroll(10_000)
    assert painted(numbers)[-1] == "row 99"


def test_words_are_brought_into_view_before_anything_was_painted(numbers: Pane) -> None:
    numbers.find("ROW 50")
    content = numbers.rows_in_view(20, 4)
    assert "row 50" in rows_of(content)
    line = content[rows_of(content).index("row 50")]
    assert "".join(text for style, text in line if style == "class:found") == "row 50"
    numbers.find("")
    assert all(style != "class:found" for row in numbers.rows_in_view(20, 4) for style, _ in row)


def test_the_nth_occurrence_in_one_item_is_brought_into_view() -> None:
    pane = Pane()
    other, item = (PlainText("".join(f"{word} {n}\n" for n in range(50))) for word in "ab")
    pane.replace([other, item])
    for nth, seen in ((0, "b 0"), (20, "b 20"), (99, "b 49")):
        pane.find("b ", item, nth)
        assert seen in [row.removesuffix(" ↓ new").strip() for row in painted(pane)]
    pane.find("nothing", item)
    painted(pane)
    assert "b 0" in painted(pane)


@pytest.mark.parametrize("words", ["wrapped over", "WRAPPED  over"])
def test_words_that_are_wrapped_over_two_rows_are_found(words: str) -> None:
    pane = Pane()
    pane.replace([PlainText("x\n" * 40 + "here it is wrapped over two\n" + "y\n" * 40)])
    pane.find(words)
    assert "here it is wrapped" in painted(pane)
    pane.replace([PlainText("x\n" * 40 + "素" * 9 + "数学" + "\n" + "y\n" * 40)])
    pane.find("数学")
    assert "素" * 9 + "数" in painted(pane, width=20)


def test_a_selection_is_highlighted_and_its_text_is_that_of_its_rows(numbers: Pane) -> None:
    painted(numbers)
    numbers.press(1, 4)
    numbers.drag(2, 2)
    assert numbers.selected_text == "97\nrow"
    content = numbers.rows_in_view(20, 4)
    marked = ["".join(text for style, text in row if style == "class:selected") for row in content]
    assert marked == ["", "97", "row", ""]
    numbers.drag(-1, 0)
    assert painted(numbers)[0] == "row 95" and numbers.selected_text == "row 95\nrow 96\nrow 9"
    numbers.reset()
    assert numbers.selected_text == "" and numbers.clicked() is None


def test_a_click_is_at_an_item() -> None:
    pane = Pane()
    items = [Passage("one\ntwo"), Passage("three")]
    pane.replace(items)
    painted(pane, height=9)
    clicked = []
    for row in range(7):
        pane.press(row, 0)
        clicked.append(pane.clicked())
    assert clicked == [items[0]] * 3 + [items[1]] * 2 + [None] * 2
    assert pane.selected_text == ""


def test_what_is_finished_is_drawn_once_for_each_width(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    draw = PlainText._draw

    def counted(self: PlainText, piece: str, before: str | None, width: int) -> object:
        drawn.append(piece)
        return draw(self, piece, before, width)

    monkeypatch.setattr(PlainText, "_draw", counted)
    text = PlainText()
    pane = Pane()
    pane.replace([text])
    for n in range(50):
        text.feed(f"row {n}\n")
        painted(pane)
    assert len(drawn) == 50
    painted(pane, width=30)
    assert len(drawn) == 100


def test_a_loop_that_is_withdrawn_is_gone() -> None:
    text = MarkdownText("A *whole* block.\n\nAnd nonsense nonsense")
    pane = Pane()
    pane.replace([Passage("why?", "", "❯ "), text])
    assert painted(pane, 40, 9) == ["", "❯ why?", "A whole block.", "", "And nonsense nonsense"]
    text.withdraw(len(" nonsense nonsense"))
    pane.reset()
    assert painted(pane, 40, 9)[-1] == "And"
    assert text.text == "A *whole* block.\n\nAnd"
    text.withdraw(0)
    assert text.text == "A *whole* block.\n\nAnd"
    text.withdraw(100)
    assert text.text == ""


@pytest.mark.parametrize("width", [1, 2, 7])
def test_no_row_is_wider_than_its_pane(width: int) -> None:
    pane = Pane()
    pane.replace(
        [Passage("日本語 a question", "", "❯ "), MarkdownText("# 日本語\n\n| a | b |\n|-|-|\n")]
    )
    for row in painted(pane, width, 50):
        assert cell_len(row) <= max(width, 4)


def test_untrusted_text_is_made_harmless() -> None:
    pane = Pane()
    pane.replace([Passage("\x1b[2J\u202e"), PlainText("\x9b31m\r"), MarkdownText("\x07`\x1b]0;x`")])
    assert not {"\x1b", "\x9b", "\x07", "\r", "\u202e"} & set("".join(painted(pane, 40, 20)))


def test_the_next_row_with_words_follows_and_the_first_comes_after_the_last(numbers: Pane) -> None:
    numbers.find("row 9")
    assert "row 9" in painted(numbers)
    numbers.find_next()
    assert "row 90" in painted(numbers)
    for _ in range(9):
        numbers.find_next()
        painted(numbers)
    assert "row 99" in painted(numbers)
    numbers.find_next()
    assert "row 9" in painted(numbers) and not numbers.lacks_words
    numbers.find("row 9x")
    painted(numbers)
    assert numbers.lacks_words
    numbers.find("")
    assert not numbers.lacks_words
