"""Markdown on a screen, painted as it comes."""

import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from r1local.ui.markdown.view import MarkdownView
from testing.markdown_texts import ANSWER, MARKDOWN, cut
from testing.terminals import Clock, Terminal, console_on


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


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


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


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MARKDOWN, st.lists(st.integers(0, 500), max_size=20))
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


@pytest.mark.slow
def test_a_token_costs_the_same_at_the_end_of_an_endless_fence(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = console_on(terminal, monkeypatch)
    monkeypatch.setattr(terminal, "write", len)
    view = MarkdownView(console)
    view.feed("```python\n")
    seconds = []
    for _ in range(20):
        began = time.process_time()
        for _ in range(1_000):
            view.feed("x = 1\n")
        seconds.append(time.process_time() - began)
    view.close()
    assert min(seconds[-5:]) < 3 * max(seconds[:5])
