"""The table `[keys]`: which keys there are, which are refused and why."""

import pytest
from prompt_toolkit.key_binding import KeyBindings

from r1local.config.keys import ACTIONS, built_in_keys, read_keys, sequence, shown
from r1local.errors import InvalidSetting

PLACE = "/c/config.toml [keys]"


@pytest.mark.parametrize(
    "written, keys, words",
    [
        ("f2", ("f2",), "F2"),
        ("ctrl-t", ("c-t",), "Ctrl-T"),
        ("Ctrl-T", ("c-t",), "Ctrl-T"),
        ("c-t", ("c-t",), "Ctrl-T"),
        ("ctrl+t", ("c-t",), "Ctrl-T"),
        ("alt-left", ("escape", "left"), "Alt-←"),
        ("alt-b", ("escape", "b"), "Alt-b"),
        ("alt-B", ("escape", "B"), "Alt-B"),
        ("alt--", ("escape", "-"), "Alt--"),
        ("alt-enter", ("escape", "enter"), "Alt-Enter"),
        ("ctrl-x ctrl-e", ("c-x", "c-e"), "Ctrl-X Ctrl-E"),
        ("shift-tab", ("s-tab",), "Shift-Tab"),
        ("ctrl-shift-up", ("c-s-up",), "Ctrl-Shift-↑"),
        ("ctrl-alt-x", ("escape", "c-x"), "Ctrl-Alt-X"),
        ("ctrl-space", ("c-@",), "Ctrl-Space"),
        ("ctrl-\\", ("c-\\",), "Ctrl-\\"),
        ("PageUp", ("pageup",), "PageUp"),
        ("page_up", ("pageup",), "PageUp"),
        ("f24", ("f24",), "F24"),
    ],
)
def test_keys_are_read_and_shown_as_people_say_them(
    written: str, keys: tuple[str, ...], words: str
) -> None:
    assert sequence(written) == keys
    assert shown(written) == words
    KeyBindings().add(*keys)(lambda _event: None)  # prompt_toolkit knows them all


@pytest.mark.parametrize(
    "written, why",
    [
        ("ctrl-i", "the same for Ctrl-I as tab"),
        ("ctrl-m", "the same for Ctrl-M as enter"),
        ("ctrl-h", "the same for Ctrl-H as backspace"),
        ("ctrl-[", "the same for Ctrl-[ as escape"),
        ("ctrl-1", "nothing of its own for Ctrl-1"),
        ("ctrl-enter", "nothing of its own for Ctrl-Enter"),
        ("ctrl-f2", "nothing of its own for Ctrl-F2"),
        ("ctrl-é", "nothing of its own for Ctrl-É"),
        ("ctrl-shift-a", "don't tell Shift when Ctrl is held"),
        ("shift-enter", "don't tell Shift with Enter"),
        ("shift-f1", "send F13 for Shift-F1"),
        ("shift-a", "is another character"),
        ("cmd-k", "keep keys with cmd for themselves"),
        ("escape", "Escape can't be told from the beginning of other keys"),
        ("ctrl-c", "Ctrl-C always stops the reply"),
        ("a", "a alone is needed for typing"),
        ("space", "Space alone is needed for typing"),
        ("-", "- alone is needed for typing"),
        ("ctlr-a", "'ctlr' is none of ctrl, alt, shift"),
        ("pgup", "'pgup' is no key"),
        ("f99", "'f99' is no key"),
        ("", "that is no key"),
    ],
)
def test_what_terminals_cannot_send_is_refused_with_a_reason(written: str, why: str) -> None:
    with pytest.raises(InvalidSetting, match=why.replace("[", r"\[")) as caught:
        read_keys({"help": written}, PLACE, "")
    assert caught.value.message.startswith(f"{PLACE}: help = {written!r}: ")
    assert caught.value.hint


@pytest.mark.parametrize(
    "table, told, hint",
    [
        ([], "must be a table", 'write [keys] and below it help = "f1"'),
        ({"answr_now": "f3"}, "has an unknown action, answr_now", "did you mean answer_now?"),
        ({"help": 3}, ": help must be a key in quotes, or a list", 'one like "f2"'),
        ({"help": "f2"}, ": F2 would do both help and toggle_thought", 'toggle_thought = "none"'),
        (
            {"help": "ctrl-x"},
            ": Ctrl-X for help and Ctrl-X Ctrl-E for editor begin alike",
            'editor = "none"',
        ),
    ],
)
def test_errors_name_file_table_and_key(table: object, told: str, hint: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        read_keys(table, PLACE, "")
    assert caught.value.message.startswith(PLACE)
    assert told in caught.value.message
    assert hint in caught.value.hint


def test_actions_can_have_several_keys_or_none() -> None:
    keys = read_keys(
        {"help": "f2", "toggle_thought": "none", "leave": ["ctrl-q", "f10"]}, PLACE, "s"
    )
    assert keys.bound("help") == (("f2",),)
    assert keys.bound("toggle_thought") == ()
    assert keys.bound("leave") == (("c-q",), ("f10",))
    assert keys.shown("leave", "toggle_thought", "help") == "Ctrl-Q F2"
    assert keys.hint("toggle_thought") == ""
    assert keys.hint("leave", "goes") == "Ctrl-Q goes"
    assert keys.places == {"help": "s", "toggle_thought": "s", "leave": "s"}


def test_built_in_keys_make_sense() -> None:
    assert read_keys({}, PLACE, "") == built_in_keys()
    written = {name: list(keys) for name, keys in built_in_keys().written.items()}
    assert read_keys(written, PLACE, "").written == built_in_keys().written
    assert all(action.told for action in ACTIONS.values())
