import re
import time
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.text import Text

from r1local.ui.markdown.blocks import MAX_CHARACTERS, MAX_LINES, Block, MarkdownBlocks
from r1local.ui.markdown.rows import styled_text
from r1local.ui.markdown.view import MarkdownView
from r1local.ui.markdown.wrapping import WordStream, wrap
from testing.terminals import Terminal, console_on

ANSWER = """\
The sum of the first $n$ odd numbers is **$n^2$**, as *these* lines and `code` show, and more.

## Set up

1. **Odd numbers**: the k-th is \\(2k - 1\\).
2. Sum them:
   \\[
   \\sum_{k=1}^{n} (2k-1) = 2
   - b * c * d
   \\]
   which simplifies.

10. Loose item

    with a paragraph
    - nested
      - deeper **bold**

```python title="sum.py"
def odd_sum(n: int) -> int:

    return n ** 2  # not a heading
```

Before a table:
| Name | Value |
|:-----|------:|
| `n`  | 10    |
| a \\| b | 100 |

> A quote with *emphasis*
> - and a list
lazily

---
中文段落：这是一个很长的中文段落，没有空格，所以需要在任意字符之间换行，但是不能在标点之前换行。
The answer is \\(\\boxed{n^2}\\).
"""


def blocks_of(text: str, cuts: list[int] | None = None) -> list[Block]:
    blocks = MarkdownBlocks()
    found = [block for piece in cut(text, cuts or []) for block in blocks.feed(piece)]
    return found + blocks.flush()


def cut(text: str, cuts: list[int]) -> list[str]:
    edges = [0, *sorted({place % (len(text) + 1) for place in cuts}), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


def show(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, pieces: list[str], **environ: str
) -> str:
    """Return the screen after the pieces, each of which was painted."""
    clock = Clock()
    view = MarkdownView(console_on(terminal, monkeypatch, **environ), clock)
    for piece in pieces:
        clock.now += 1
        view.feed(piece)
    view.close()
    return terminal.shown


class Clock:
    """A clock that stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


# Blocks ---------------------------------------------------------------------------------


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


_MARKDOWN = st.one_of(
    st.text("ab|-*_`#>$\\[]() \n\t1.~:", max_size=200),
    st.lists(st.sampled_from(ANSWER.splitlines(keepends=True))).map("".join),
)


@given(_MARKDOWN, st.lists(st.integers(0, 500), max_size=20))
def test_cuts_make_no_difference(text: str, cuts: list[int]) -> None:
    assert blocks_of(text, cuts) == blocks_of(text)


@given(_MARKDOWN)
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


# Inline text ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        r"\frac{1}{2}, \{1, 2\}, a \\ b, \, \; \! \% \(\frac{*a*}\)",
        "a_1 * b_2 * c_3 = snake_case_name",
        "2*3*4 = 24, 2**10 = 1024, (a+b)*(c+d)*e",
        "$5 and $10, $5-$7, US$5 or AU$ 6, $3.50 per kg (or 4$), $5 (about 4 €) to $ 7",
        "<div class='x'>html</div> <br> <!-- comment --> <kbd>",
        "`&amp; &nbsp;` AT&T; &c; a&b",
        "[name]: https://example.com 'title'",
        "[no][reference] [ ] task [x] done",
        "unclosed **bold and `code",
        "backslash at the end \\",
    ],
)
def test_text_comes_through_to_the_letter(text: str) -> None:
    assert styled_text(text).plain == text.replace("`&", "&").replace("` A", " A")


def test_entities_are_decoded_in_prose() -> None:
    text = "a&nbsp;&lt; b &amp;&amp; `&lt;` &#x202e;&#x1b;"
    assert styled_text(text).plain == "a\xa0< b && &lt; <U+202E>\ufffd"


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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**b** *i* ***both*** ~~gone~~ `c * d` \\*not\\*", "b i both gone c * d *not*"),
        ("**粗体**文字", "粗体文字"),
        (
            "**解：**首先，**「重要」**な点は**\\(x\\)**。** 3 ** 个",
            "解：首先，「重要」な点はx。** 3 ** 个",
        ),
        ("[text](https://例.jp/a_b)", "text (https://例.jp/a_b)"),
        ('[text](/path "a title")', 'text (/path "a title")'),
        ("[https://a.example](https://a.example)", "https://a.example"),
        ("<https://a.example>", "https://a.example"),
        ("![alt](pic.png)", "!alt (pic.png)"),
        ("[t](a&#27;[2Jb&#x202e;c)", "t (a&#27;[2Jb<U+202E>c)"),
        ("one\ntwo  \nthree", "one\ntwo\nthree"),
    ],
)
def test_inline_markdown(text: str, shown: str) -> None:
    assert styled_text(text).plain == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"a \(a*b*c\), $a*b*c$ and $x_1 * y_1$", "a a * b * c, a * b * c and x₁ * y₁"),
        (r"设$x$为$\frac{1}{2}$", "设x为1/2"),
        (r"It costs \$18, $\$18$ or $\boxed{\$18}$", "It costs $18, $18 or ▐$18▌"),
        (r"**\boxed{85}** or \boxed{\frac{\sqrt{x_{n+1}}}{2}}", "▐85▌ or ▐√xₙ₊₁/2▌"),
        (r"so \[x = 2\]. Then", "so\n  x = 2.\nThen"),
        ("so\n$$\nx = 2\n$$\nThen", "so\n  x = 2\nThen"),
        (r"**\[ \boxed{4} \]**", "  ┌───┐\n  │ 4 │\n  └───┘"),
        (r"\begin{align} a &= *b* \\ &= d \end{align}", "  a = * b *\n    = d"),
        (r"\[ a + b = \boxed{c + d + e + f} \]", "  a + b = ▐c +\n  d + e + f▌"),
    ],
)
def test_formulas(text: str, shown: str) -> None:
    assert "\n".join(row.plain for row in wrap(styled_text(text, 14), 80)) == shown


def test_a_box_stands_out_without_colours_too() -> None:
    text = styled_text(r"**so \(\boxed{4}\)**")
    (box,) = (span for span in text.spans if "reverse" in str(span.style))
    assert (text.plain[box.start : box.end], text.plain) == ("4", "so ▐4▌")


@pytest.mark.parametrize(
    "piece", ["[", "*", "`", "![", "<", r"\(", "$a", r"\boxed{", "**a ", r"\["]
)
def test_hostile_text_is_drawn_in_bounded_time(piece: str) -> None:
    began = time.process_time()
    styled_text((piece * MAX_CHARACTERS)[:MAX_CHARACTERS])
    assert time.process_time() - began < 5


# The screen -----------------------------------------------------------------------------


def test_answer_at_80_columns(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert show(terminal, monkeypatch, list(ANSWER)) == (
        """\
The sum of the first n odd numbers is n², as these lines and code show, and
more.

Set up

1. Odd numbers: the k-th is 2k - 1.
2. Sum them:
     ∑ₖ₌₁ⁿ (2k - 1) = 2 - b * c * d
   which simplifies.

10. Loose item

    with a paragraph
    • nested
      • deeper bold

  python title="sum.py"
  def odd_sum(n: int) -> int:

      return n ** 2  # not a heading

Before a table:

Name    Value
─────────────
n          10
a | b     100

▌ A quote with emphasis
▌ • and a list
▌   lazily

"""
        + "─" * 79
        + """

中文段落：这是一个很长的中文段落，没有空格，所以需要在任意字符之间换行，但是不
能在标点之前换行。
The answer is ▐n²▌."""
    )


def test_wide_characters_at_40_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "日本語の段落です。「かぎ括弧」も正しく折り返されるべきです。ね、そうでしょう？English too."
    )
    assert show(Terminal(40, 12), monkeypatch, list(text)).split("\n") == [
        "日本語の段落です。「かぎ括弧」も正しく",
        "折り返されるべきです。ね、そうでしょ",
        "う？English too.",
    ]


@pytest.mark.parametrize("columns", [10, 40, 80, 200])
def test_rows_fit_and_are_shown_once(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = show(Terminal(columns, 200), monkeypatch, [ANSWER])
    assert show(Terminal(columns, 12), monkeypatch, list(ANSWER)) == whole
    assert whole.count("▐n²▌") == 1


@pytest.mark.parametrize("columns", [1, 2, 3, 5])
def test_no_screen_is_too_narrow(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "▐n²▌" in show(Terminal(columns, 2), monkeypatch, [ANSWER]).replace("\n", "")


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(_MARKDOWN, st.lists(st.integers(0, 500), max_size=20))
def test_any_cutting_ends_on_the_same_screen(
    monkeypatch: pytest.MonkeyPatch, text: str, cuts: list[int]
) -> None:
    whole = show(Terminal(40, 12), monkeypatch, [text])
    assert show(Terminal(40, 12), monkeypatch, cut(text, cuts)) == whole


def test_each_piece_is_on_the_screen_at_once(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    view = MarkdownView(console_on(terminal, monkeypatch), clock)
    view.feed("a **bo")
    assert terminal.shown == "a **bo"
    clock.now += 1
    view.feed("ld**")
    assert terminal.shown == "a bold"
    assert (terminal.screen.cursor.x, terminal.screen.cursor.hidden) == (6, False)


def test_painting_waits_for_the_clock_but_the_end_does_not(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = MarkdownView(console_on(terminal, monkeypatch), Clock())
    view.feed("a")
    view.feed("b\n\nc")
    assert terminal.shown == "a"
    view.close()
    assert terminal.shown == "ab\n\nc"


def test_an_echoed_interrupt_is_painted_over(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = MarkdownView(console_on(terminal, monkeypatch), Clock())
    view.feed("the answer")
    terminal.write("^C")
    view.close()
    assert terminal.shown == "the answer"


def test_hostile_text_moves_nothing(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a\x1b]0;owned\x07b\x1b[2J\x9b31m\rc\u202ed `\x1b[1m`\n```\x1b[5m\n\x1b[A\n```"
    shown = show(terminal, monkeypatch, list(text))
    assert shown == ("a␛]0;owned␇b␛[2J<U+009B>31m␍c<U+202E>d ␛[1m\n\n  ␛[5m\n  ␛[A")
    assert terminal.screen.title == ""


def test_no_color(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = show(terminal, monkeypatch, ["`a` **b**\n```py\nimport re\n```"], NO_COLOR="1")
    assert shown == "a b\n\n  py\n  import re"
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", terminal.getvalue())


def test_colours_are_the_terminal_s_own(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(terminal, monkeypatch, ["`a`\n```py\nimport re # x\n'a' + 1\n```"], COLORTERM="truecolor")
    codes = set(re.findall(r"\x1b\[([0-9;]+)m", terminal.getvalue()))
    assert codes <= {"0", "1", "2", "2;3", "32", "35", "36"}


def test_a_table_too_narrow_to_draw_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    row = "|" + "|".join("abcdefgh") + "|"
    shown = show(Terminal(20, 12), monkeypatch, [f"{row}\n{'|-' * 8}|\n{row}"])
    assert shown == f"{row}\n{row}"


def test_cells_beyond_the_head_are_shown(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show(terminal, monkeypatch, ["|a|b|\n|-|-|\n|1|2|3|\n|4<br>5|"])
    assert re.findall(r"\w", shown) == list("ab12345")


def test_a_token_costs_the_same_at_the_end_of_an_endless_fence(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = console_on(terminal, monkeypatch)
    monkeypatch.setattr(terminal, "write", len)
    view = MarkdownView(console)
    view.feed("```python\n")
    seconds = []
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(1_000):
            view.feed("x = 1\n")
        seconds.append(time.perf_counter() - began)
    view.close()
    assert min(seconds[-5:]) < 3 * max(seconds[:5])
