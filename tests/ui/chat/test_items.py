"""What panes are filled with: each text as rows, drawn alike however it came."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from r1local.ui.cells import cell_len
from r1local.ui.chat.items import Item, MarkdownText, Passage, PlainText, text_of
from testing.markdown_texts import ANSWER, MARKDOWN, cut

CUTS = st.lists(st.integers(0, 500), max_size=12)


def rows(item: Item, width: int = 30) -> list[str]:
    return [text_of(row) for row in [*item.finished(width), *item.live(width)]]


def test_a_passage_is_marked_once_and_indented() -> None:
    question = Passage("why is the sky\nblue, and not red?", "class:question", "❯ ")
    assert rows(question, 14) == ["", "❯ why is the", "  sky", "  blue, and", "  not red?"]
    assert rows(Passage("so", spaced=False)) == ["so"]
    assert question.finished(14)[1][0][0] == "class:question"


@pytest.mark.parametrize("kind", [PlainText, MarkdownText])
def test_only_whole_pieces_are_finished(kind: type[PlainText | MarkdownText]) -> None:
    item = kind("one\n\ntw")
    finished = item.finished(30)
    assert "one" in "".join(map(text_of, finished))
    assert "".join(map(text_of, item.live(30))).strip() == "tw"
    item.feed("o\n\nthree")
    assert item.finished(30) is finished, "the same list, longer"
    assert "two" in "".join(map(text_of, finished))


@example("1\t1", [1], 5)
@given(MARKDOWN, CUTS, st.integers(5, 60))
def test_any_cutting_gives_the_same_rows(text: str, cuts: list[int], width: int) -> None:
    for kind in (PlainText, MarkdownText):
        item = kind()
        for piece in cut(text, cuts):
            item.feed(piece)
            rows(item, width)
        assert rows(item, width) == rows(kind(text), width)
        assert item.text == text


@given(MARKDOWN, st.integers(0, 250), CUTS)
def test_what_is_withdrawn_was_never_there(text: str, characters: int, cuts: list[int]) -> None:
    for kind in (PlainText, MarkdownText):
        item = kind()
        for piece in cut(text, cuts):
            item.feed(piece)
        item.withdraw(characters)
        left = text[: max(0, len(text) - characters)]
        assert item.text == left
        assert rows(item) == rows(kind(left))


@pytest.mark.parametrize("width", [10, 33, 80])
def test_an_answer_keeps_to_its_width(width: int) -> None:
    assert max(map(cell_len, rows(MarkdownText(ANSWER), width))) <= width
    assert "▐n²▌" in "\n".join(rows(MarkdownText(ANSWER), 80))


def test_a_line_without_an_end_is_finished_in_pieces() -> None:
    item = PlainText("word " * 5_000)
    assert len(item.finished(80)) > len(item.live(80))
    assert "".join(rows(item, 80)).count("word") == 5_000


def marked(item: PlainText, width: int = 30) -> str:
    """What is underlined, its rows joined."""
    rows = [*item.finished(width), *item.live(width)]
    return "".join(text for row in rows for style, text in row if "underline" in style)


@given(MARKDOWN, st.integers(0, 200), st.integers(0, 200), st.integers(5, 60))
def test_an_edited_passage_is_marked_however_it_is_broken(
    text: str, start: int, length: int, width: int
) -> None:
    end = start + length
    item = PlainText(text, "class:thought", [(start, end)])
    item.feed("more")
    passage = text[start:end]
    if start > len(text) or not text:
        assert marked(item, width) == ""
    elif not passage:
        assert "".join(marked(item, width).split()) == "[edited]"
    else:
        plain = PlainText(passage)
        shown = "".join("".join(rows(plain, width)).split())
        assert "".join(marked(item, width).split()) == shown
    assert item.text.endswith("more")


def test_marks_stay_when_a_loop_behind_them_is_withdrawn() -> None:
    item = PlainText("one two\nthree", "", [(4, 11)])
    assert marked(item) == "twothr"
    item.feed(" four")
    item.withdraw(5)
    assert marked(item) == "twothr"
    item.withdraw(3)
    assert marked(item) == "twoth"
    assert marked(PlainText("one", "", [(9, 2), (50, 60)])) == "", "of a damaged file"
