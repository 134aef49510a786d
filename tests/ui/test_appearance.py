"""The theme on consoles and in the chat, and the width that text is held to."""

from collections.abc import Iterator

import pytest
from rich.text import Text

from r1local.config.theme import BASES, COLOURS, ROLES, Look, Theme, built_in_theme, read_theme
from r1local.conversation import Reply, Turn
from r1local.errors import InvalidSetting
from r1local.ui import appearance
from r1local.ui.appearance import limit_text, prompt_toolkit_style, theme_from
from r1local.ui.chat.items import MarkdownText, PlainText, text_of
from r1local.ui.chat.style import chat_style
from r1local.ui.console import painted, print_notice
from r1local.ui.markdown.view import MarkdownView
from r1local.ui.transcripts import print_turns
from testing.terminals import Terminal, console_on


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    theme_from(built_in_theme)
    limit_text(None)


def choose(**table: str) -> Theme:
    theme = read_theme(table, "[theme]", "")
    theme_from(lambda: theme)
    return theme


def written(monkeypatch: pytest.MonkeyPatch, markdown: str, **environ: str) -> str:
    """What shows Markdown on a terminal."""
    terminal = Terminal()
    view = MarkdownView(console_on(terminal, monkeypatch, **environ))
    view.feed(markdown)
    view.close()
    return terminal.getvalue()


def test_roles_are_styles_of_consoles(monkeypatch: pytest.MonkeyPatch) -> None:
    choose(error="bold #ff0000", note="italic")
    terminal = Terminal()
    console = console_on(terminal, monkeypatch, COLORTERM="truecolor")
    console.print(Text("broken", "error"))
    print_notice(console, "a notice")
    assert "\x1b[1;38;2;255;0;0mbroken\x1b[0m" in terminal.getvalue()
    assert "\x1b[3ma notice\x1b[0m" in terminal.getvalue()


def test_answers_and_code_have_the_themes_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    choose(base="dark", answer="#d0d0d0", string="#123456")
    shown = written(monkeypatch, "See `f`:\n\n```python\ns = 'text'\n```\n", COLORTERM="truecolor")
    assert "\x1b[38;2;208;208;208mSee " in shown
    assert "\x1b[38;2;95;215;255mf" in shown
    assert "38;2;18;52;86m" in shown


@pytest.mark.parametrize("base", BASES)
def test_no_color_and_dumb_terminals_win(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    choose(base=base, thinking="#a0a0ff")
    markdown = "# One\n\n`two` [three](https://example.org)\n\n```python\nreturn 'x'\n```\n"
    for environ in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert not any(code in written(monkeypatch, markdown, **environ) for code in ("[3", ";3"))
        console = console_on(Terminal(), monkeypatch, **environ)
        assert painted(console, "hm", "thinking") == "hm"


def test_an_unreadable_theme_is_the_built_in_one() -> None:
    def fail() -> Theme:
        raise InvalidSetting("no", "none")

    theme_from(fail)
    assert appearance.theme() == built_in_theme()


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("colour", ("", *COLOURS, "#5fd7ff"))
def test_the_chat_takes_every_look(base: str, colour: str) -> None:
    choose(base=base, thinking=f"italic {colour or 'default'}")
    attributes = chat_style().get_attrs_for_style_str("class:thought")
    assert attributes.italic
    assert attributes.color == _prompt_toolkit(colour)


def _prompt_toolkit(colour: str) -> str:
    """What prompt_toolkit calls a colour: its white is the bright one."""
    if not colour or colour.startswith("#"):
        return colour.removeprefix("#")
    names = {"white": "ansigray", "bright-white": "ansiwhite"}
    return names.get(colour, f"ansi{colour.replace('-', '')}")


def test_pieces_of_answers_have_the_same_colour_in_the_chat() -> None:
    choose(accent="bright-white")
    (row,) = MarkdownText("`code`").live(40)
    assert row == [(prompt_toolkit_style(Look("bright-white")), "code")]


def test_every_role_is_used_by_the_chat_or_by_consoles() -> None:
    assert set(appearance.rich_theme().styles) >= set(ROLES)


def test_answers_are_wrapped_at_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    limit_text(20)
    terminal = Terminal(80)
    view = MarkdownView(console_on(terminal, monkeypatch))
    view.feed("one two three four five six seven eight 日本語の文章もここで折り返されます\n")
    view.close()
    assert terminal.rows[0] == "one two three four"
    assert max(map(len, terminal.rows)) <= 20


@pytest.mark.parametrize("kind", [MarkdownText, PlainText])
def test_panes_wrap_answers_and_thoughts_at_the_width(
    kind: type[MarkdownText] | type[PlainText],
) -> None:
    limit_text(20)
    item = kind("one two three four five six seven\n\none two three four five six seven")
    rows = [*item.finished(60), *item.live(60)]
    assert [text_of(row) for row in rows].count("one two three four") == 2


@pytest.mark.parametrize("width, widest", [(None, 60), (24, 24)])
def test_transcripts_are_wrapped_only_if_asked(
    width: int | None, widest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_text(width)
    words = "word " * 11 + "end"
    turn = Turn("How many?", Reply(words, words, thinking_open=False, reason="stop", model="nano"))
    terminal = Terminal(80)
    print_turns(console_on(terminal, monkeypatch), [turn], thoughts=True)
    lengths = [len(row) for row in terminal.rows if "word" in row]
    assert widest - 6 < max(lengths) <= widest


def test_a_width_beyond_the_terminals_changes_nothing() -> None:
    limit_text(200)
    assert appearance.text_width(80) == 80
    assert appearance.text_width(0) == 1
