"""Which terminal can be told what, by its variables."""

import pytest

from r1local.ui.attention.terminal import Abilities, abilities_of

XTERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (XTERM, Abilities()),
        ({"TERM": "xterm-kitty"}, Abilities("osc99")),
        (XTERM | {"KITTY_WINDOW_ID": "1"}, Abilities("osc99")),
        (XTERM | {"TERM_PROGRAM": "ghostty"}, Abilities("osc9", progress=True)),
        ({"TERM": "xterm-ghostty"}, Abilities("osc9", progress=True)),  # over ssh
        (XTERM | {"TERM_PROGRAM": "WezTerm"}, Abilities("osc9", progress=True)),
        (XTERM | {"TERM_PROGRAM": "iTerm.app"}, Abilities("osc9")),
        (
            XTERM | {"LC_TERMINAL": "iTerm2", "TERM_FEATURES": "T3CwLrMSc7UUw9Ts3BFGsSyHNoSxFP"},
            Abilities("osc9", progress=True),
        ),
        (XTERM | {"TERM_PROGRAM": "iTerm.app", "TERM_FEATURES": "T3LrPx"}, Abilities("osc9")),
        ({"TERM": "foot"}, Abilities("osc777")),
        ({"TERM": "rxvt-unicode-256color"}, Abilities("osc777", rings=True)),
        (XTERM | {"VTE_VERSION": "7600"}, Abilities("osc777", rings=True)),
        (XTERM | {"VTE_VERSION": "8000"}, Abilities("osc777", rings=True, progress=True)),
        (XTERM | {"VTE_VERSION": "new"}, Abilities()),
        (XTERM | {"WT_SESSION": "0"}, Abilities(progress=True)),
        ({"WT_SESSION": "0"}, Abilities(progress=True)),  # Windows sets no TERM
        (XTERM | {"ConEmuANSI": "ON"}, Abilities(progress=True)),
        ({"TERM": "linux"}, Abilities(titled=False)),
        ({"TERM": "screen", "STY": "1.pts"}, Abilities(titled=False)),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/tmux"}, Abilities(rings=True, in_tmux=True)),
        (
            {"TERM": "tmux-256color", "TMUX": "/tmp/tmux", "WEZTERM_PANE": "0"},
            Abilities("osc9", rings=True, in_tmux=True),
        ),
        ({"TERM": "dumb"}, None),
        ({}, None),
    ],
)
def test_a_terminal_is_told_only_what_it_knows(
    variables: dict[str, str], expected: Abilities | None
) -> None:
    assert abilities_of(variables) == expected
