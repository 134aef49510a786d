"""What is known of a terminal from its variables."""

from dataclasses import replace

import pytest

from r1local.diagnosis.terminal import TerminalFacts, judged_terminal

KITTY = TerminalFacts(True, "xterm-kitty", "truecolor", 120, 40, True, "wl-copy")


@pytest.fixture(autouse=True)
def locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_CTYPE", raising=False)
    monkeypatch.setenv("LANG", "en_GB.UTF-8")


def test_a_good_one() -> None:
    (found,) = judged_terminal(KITTY)
    assert found.state == "ok"
    assert found.text == "xterm-kitty · 120×40 · all colours · UTF-8 · copying by wl-copy, OSC 52"


def test_a_pipe() -> None:
    (found,) = judged_terminal(replace(KITTY, interactive=False, name="", columns=10, osc52=None))
    assert found.state == "ok"
    assert found.text.startswith("TERM unset · the output goes to a pipe or a file · ")


def test_without_colours_and_clipboard() -> None:
    (found,) = judged_terminal(replace(KITTY, colours="", osc52=False, clipboard=""))
    assert found.text == "xterm-kitty · 120×40 · no colours · UTF-8 · no OSC 52"


def test_a_dumb_one() -> None:
    _base, found = judged_terminal(replace(KITTY, name="dumb", colours=""))
    assert (found.state, found.command) == ("warning", "export TERM=xterm-256color")


def test_a_narrow_one() -> None:
    _base, found = judged_terminal(replace(KITTY, columns=39))
    assert found.state == "warning"
    assert found.text.startswith("39 columns")


@pytest.mark.parametrize("locale", ["en_GB.ISO-8859-1", "de_DE.ISO-8859-15@euro"])
def test_another_charset(locale: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    _base, found = judged_terminal(KITTY)
    assert (found.state, found.command) == ("warning", "export LC_ALL=C.UTF-8")


@pytest.mark.parametrize("locale", ["C.utf8", "", "C", "POSIX"])
def test_a_charset_that_is_right_or_unknown(locale: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", locale)
    assert [each.state for each in judged_terminal(KITTY)] == ["ok"]
