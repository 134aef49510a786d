"""The keys in words: as they are bound, and every one of them."""

from r1local.chat.key_help import first_line, key_entries
from r1local.config.keys import ACTIONS, KeyMap, built_in_keys, read_keys
from testing.command import ROOT


def told_of(keys: KeyMap, *, full_screen: bool) -> str:
    """The lines of the help."""
    return "\n".join(f"{key} {does}" for key, does in key_entries(keys, full_screen=full_screen))


def test_every_key_is_told() -> None:
    keys = built_in_keys()
    told = told_of(keys, full_screen=True)
    assert [name for name in ACTIONS if keys.shown(name) not in told] == []
    assert "Enter sends\nAlt-Enter breaks the line" in told


def test_keys_are_told_as_they_are_bound() -> None:
    keys = read_keys({"answer_now": ["ctrl-t", "f10"], "think_more": "none"}, "", "")
    told = told_of(keys, full_screen=True)
    assert "Ctrl-T answer now" in told
    assert "F3" not in told and "F4" not in told and "think on" not in told


def test_the_scrollback_has_fewer() -> None:
    told = told_of(built_in_keys(), full_screen=False)
    assert "Ctrl-D leaves" in told and "F2" not in told


def test_the_first_line_has_the_keys_to_begin_with() -> None:
    assert first_line(built_in_keys(), full_screen=True) == (
        "Alt-Enter breaks the line, F1 or /help shows the rest, Ctrl-D leaves."
    )
    others = read_keys({"help": "none", "new_line": "none", "leave": "ctrl-q"}, "", "")
    assert first_line(others, full_screen=True) == "/help shows the rest, Ctrl-Q leaves."


def test_the_documents_have_every_built_in_key() -> None:
    documented = (ROOT / "docs/chat.md").read_text(encoding="utf-8")
    keys = built_in_keys()
    assert [name for name in ACTIONS if f"`{keys.shown(name)}`" not in documented] == []
