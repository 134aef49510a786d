"""Blocks of Markdown: what they are, and that they are given out as soon as they are whole."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.ui.markdown.blocks import MAX_CHARACTERS, MAX_LINES, Block, MarkdownBlocks
from testing.markdown_texts import MARKDOWN, cut


def blocks_of(text: str, cuts: list[int] | None = None) -> list[Block]:
    blocks = MarkdownBlocks()
    found = [block for piece in cut(text, cuts or []) for block in blocks.feed(piece)]
    return found + blocks.flush()


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        pytest.param("a\nb\n\nc", ["paragraph", "paragraph"], id="paragraphs"),
        pytest.param("a\n# b\nc", ["paragraph", "heading", "paragraph"], id="heading"),
        pytest.param("#5 is not one", ["paragraph"], id="a number sign alone"),
        pytest.param("```\n# a\n\n- b\n```\nc", ["fence", "paragraph"], id="fence"),
        pytest.param("````\n```\n````\nc", ["fence", "paragraph"], id="fence in a fence"),
        pytest.param("```a``` is code", ["paragraph"], id="code span of three"),
        pytest.param("- a\n  b\n- c\n\n  d", ["item", "item", "paragraph"], id="list"),
        pytest.param("- ```py\n  a\n  ```\n- b", ["item", "fence", "item"], id="item of code"),
        pytest.param("***\n- - -\n---", ["rule"] * 3, id="rules"),
        pytest.param("**bold** a\n**bold** b", ["paragraph"], id="bold is no item"),
        pytest.param("a\n\n    b\n     c\nd", ["paragraph", "code", "paragraph"], id="indented"),
        pytest.param("- a\n\n    b", ["item", "paragraph"], id="far in but in a list"),
        pytest.param("|a|b|\n|-|-|\n|1|2|\nc", ["table", "paragraph"], id="table"),
        pytest.param("see\n|a|b|\n|-|-|", ["paragraph", "table"], id="table below text"),
        pytest.param("a | b\nc", ["paragraph"], id="a bar alone"),
        pytest.param("> a\nb\n\nc", ["quote", "paragraph"], id="quote"),
        pytest.param("> > a", ["quote"], id="quote in a quote"),
        pytest.param(">" * 4_000, ["paragraph"], id="a row of quotation marks"),
        pytest.param("\\[\n- a\n# b\n\\]\n- c", ["paragraph", "item"], id="formula"),
        pytest.param("$$\n+ a\n$$\n# c", ["paragraph", "heading"], id="formula in dollars"),
        pytest.param("\\[\n- a\n\n- b", ["paragraph", "item"], id="formula never closed"),
    ],
)
def test_blocks(text: str, kinds: list[str]) -> None:
    assert [block.kind for block in blocks_of(text)] == kinds


def test_blocks_are_finished_as_soon_as_they_can_be() -> None:
    blocks = MarkdownBlocks()
    assert blocks.feed("# Title") == []
    assert [block.kind for block in blocks.feed("\n")] == ["heading"]
    assert blocks.feed("- one\n") == []
    assert [block.lines for block in blocks.feed("- two\n")] == [("one",)]
    assert [block.lines for block in blocks.pending()] == [("two",)]
    assert [block.lines for block in blocks.feed("\n")] == [("two",)]
    assert blocks.pending() == []


@given(MARKDOWN, st.lists(st.integers(0, 500), max_size=20))
def test_cuts_make_no_difference(text: str, cuts: list[int]) -> None:
    assert blocks_of(text, cuts) == blocks_of(text)


@given(MARKDOWN)
def test_no_word_is_lost(text: str) -> None:
    found = "".join(f"{block.marker}{''.join(block.lines)}" for block in blocks_of(text))
    assert sorted(re.findall(r"\w", found)) == sorted(re.findall(r"\w", text))


def test_long_lines_are_given_out_in_pieces_wherever_they_are_cut() -> None:
    line = "- " + "word " * 2_000 + "x" * 10_000
    whole = blocks_of(line)
    assert blocks_of(line, list(range(0, 20_000, 7))) == whole
    assert [block.kind for block in whole[:2]] == ["item", "paragraph"]
    assert all(block.continued for block in whole[1:])
    assert max(len("".join(block.lines)) for block in whole) <= MAX_CHARACTERS
    assert "".join("".join(b.lines) for b in whole).count("word") == 2_000


def test_endless_fence_is_given_out_in_fences() -> None:
    whole = blocks_of("```python\n" + "x = 1\n" * 1_000)
    assert {(block.kind, block.marker) for block in whole} == {("fence", "```python")}
    assert max(len(block.lines) for block in whole) <= MAX_LINES
    assert sum(len(block.lines) for block in whole) == 1_000
