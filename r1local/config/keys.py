"""The chat's keys: what each does by default, and the table `[keys]` of `config.toml`.

`ACTIONS` is the one declaration of what keys can do. The chat binds its keys by the names there,
and its help, its status line and docs/config.md tell the keys that are bound.

A key is written as people say it: `f2`, `ctrl-t`, `alt-left`, `ctrl-x ctrl-e`.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple, TypeAlias

from r1local.errors import InvalidSetting, nearest
from r1local.language import N_, _

#: The table of `config.toml`.
KEYS = "keys"
#: What unbinds an action.
NO_KEY = "none"

#: A key, or several to press one after the other, in prompt_toolkit's words.
Sequence: TypeAlias = tuple[str, ...]


class Action(NamedTuple):
    """Something that a key does.

    Args:
        key: the key that does it if none is set, as a user writes it.
        told: what it does, for the help and the documents.
        full_screen: whether only the full-screen chat has it.
    """

    key: str
    told: str
    full_screen: bool = True


#: What keys can do, by the names that `[keys]` has, in the order of the help.
ACTIONS: Mapping[str, Action] = {
    "send": Action("enter", "sends", full_screen=False),
    "new_line": Action("alt-enter", "breaks the line", full_screen=False),
    "editor": Action("ctrl-x ctrl-e", "opens $EDITOR", full_screen=False),
    "help": Action("f1", "shows the commands and keys"),
    "toggle_thought": Action("f2", "opens or folds the thought"),
    "answer_now": Action("f3", "ends the thought: the model answers"),
    "think_more": Action("f4", "makes the model think on"),
    "show_source": Action("f5", "shows answers as they were written"),
    "move_pane": Action("f6", "moves the thinking pane"),
    "shrink_pane": Action("f7", "makes it smaller"),
    "grow_pane": Action("f8", "makes it larger"),
    "fold_pane": Action("f9", "folds, keeps or hides it"),
    "page_up": Action("pageup", "scrolls the conversation up"),
    "page_down": Action("pagedown", "scrolls it down"),
    "go_to_start": Action("ctrl-home", "goes to its start"),
    "go_to_end": Action("ctrl-end", "goes to its end"),
    "thought_page_up": Action("alt-pageup", "scrolls the thought up"),
    "thought_page_down": Action("alt-pagedown", "scrolls it down"),
    "thought_up": Action("ctrl-up", "scrolls the thought one row up"),
    "thought_down": Action("ctrl-down", "scrolls it one row down"),
    "previous_alternative": Action(
        "alt-left", "with an empty input: the reply before, of several", full_screen=False
    ),
    "next_alternative": Action("alt-right", "the next of them", full_screen=False),
    "find_next": Action("alt-n", "goes to the next place that /find found"),
    "find_previous": Action("alt-p", "goes to the one before"),
    "repaint": Action("ctrl-l", "paints the screen anew", full_screen=False),
    "suspend": Action("ctrl-z", "suspends", full_screen=False),
    "leave": Action("ctrl-d", "leaves, if the input is empty", full_screen=False),
}

#: Keys with a name, in prompt_toolkit's words and as they are shown.
_NAMED = {
    "enter": ("enter", "Enter"),
    "tab": ("tab", "Tab"),
    "backspace": ("backspace", "Backspace"),
    "delete": ("delete", "Delete"),
    "insert": ("insert", "Insert"),
    "home": ("home", "Home"),
    "end": ("end", "End"),
    "pageup": ("pageup", "PageUp"),
    "pagedown": ("pagedown", "PageDown"),
    "up": ("up", "↑"),
    "down": ("down", "↓"),
    "left": ("left", "←"),
    "right": ("right", "→"),
    "space": (" ", "Space"),
    **{f"f{number}": (f"f{number}", f"F{number}") for number in range(1, 25)},
}
_MOVING = ("delete", "insert", "home", "end", "pageup", "pagedown", "up", "down", "left", "right")
_MODIFIERS = ("ctrl", "alt", "shift")
_SHORT = {"c": "ctrl", "control": "ctrl", "a": "alt", "m": "alt", "meta": "alt", "s": "shift"}
#: Keys of the system or the window, which terminals keep.
_KEPT = ("cmd", "command", "super", "win", "hyper")
#: With Ctrl these are the control characters of other keys (ASCII, table of control characters).
_SAME = {"h": "backspace", "i": "tab", "j": "enter", "m": "enter", "[": "escape"}
#: Signs that have a control character of their own with Ctrl.
_CTRL_SIGNS = {"space": "c-@", "@": "c-@", "\\": "c-\\", "]": "c-]", "^": "c-^", "_": "c-_"}
_WRITE = N_('write one like "f2", "ctrl-t" or "alt-left"')


class KeyMap(NamedTuple):
    """The keys that are bound, by the names of actions.

    Args:
        written: them as a user writes them.
        places: where each was set; what isn't there is built in.
    """

    written: Mapping[str, tuple[str, ...]]
    places: Mapping[str, str]

    def words(self) -> Mapping[str, str]:
        """Return what each key of the table says, or would say."""
        return {name: ", ".join(keys) or NO_KEY for name, keys in self.written.items()}

    def bound(self, action: str) -> tuple[Sequence, ...]:
        """Return the keys of an action in prompt_toolkit's words; none if it has no key."""
        return tuple(sequence(each) for each in self.written[action])

    def shown(self, *actions: str) -> str:
        """Return the first key of each action as people read it, such as `Ctrl-X Ctrl-E`."""
        return " ".join(shown(self.written[each][0]) for each in actions if self.written[each])

    def hint(self, action: str, told: str = "") -> str:
        """Return an action's key and what it does; empty if it has no key."""
        key = self.shown(action)
        return f"{key} {told or ACTIONS[action].told}" if key else ""


@cache
def built_in_keys() -> KeyMap:
    """Return the keys that are bound if none is set."""
    return KeyMap({name: (action.key,) for name, action in ACTIONS.items()}, {})


def read_keys(table: object, place: str, shown_place: str) -> KeyMap:
    """Return the keys that a table `[keys]` binds, and the built-in ones of all other actions.

    Args:
        table: its value in `config.toml`: a key or a list of keys for each action.
        place: the table with the path of its file, for errors.
        shown_place: the same in short, for lists.

    Raises:
        InvalidSetting: an action or a key is unknown, a terminal can't send a key, or one key
            would do two things; the sentence names the file, the table and the key.
    """
    if not isinstance(table, dict):
        raise InvalidSetting(
            _("{place} must be a table", place=place),
            _('write [{keys}] and below it help = "f1"', keys=KEYS),
        )
    if not table:
        return built_in_keys()
    written = dict(built_in_keys().written)
    for name, value in table.items():
        if name not in ACTIONS:
            raise InvalidSetting(
                _("{place} has an unknown action, {name}", place=place, name=name),
                nearest(name, ACTIONS),
            )
        written[name] = tuple(_checked(value, f"{place}: {name}"))
    _check_conflicts(written, table, place)
    return KeyMap(written, dict.fromkeys(table, shown_place))


def _checked(value: object, place: str) -> Iterator[str]:
    """Yield the keys of one entry, each checked."""
    for key in value if isinstance(value, list) else [value]:
        if not isinstance(key, str):
            raise InvalidSetting(
                _("{place} must be a key in quotes, or a list of them", place=place), _(_WRITE)
            )
        if key == NO_KEY:
            continue
        try:
            sequence(key)
        except InvalidSetting as error:
            raise InvalidSetting(f"{place} = {key!r}: {error.message}", error.hint) from error
        yield key


def _check_conflicts(
    written: Mapping[str, tuple[str, ...]], table: Mapping[str, object], place: str
) -> None:
    """Refuse a key that would do two things, or never be seen as another one begins with it."""
    used: list[tuple[Sequence, str, str]] = []
    # What the user set comes last, so that the sentence is about it.
    for name in sorted(written, key=lambda name: name in table):
        for key in written[name]:
            keys = sequence(key)
            for others, other, other_key in (each for each in used if each[1] != name):
                if keys == others:
                    told = _(
                        "{place}: {key} would do both {name} and {other}",
                        place=place,
                        key=shown(key),
                        name=name,
                        other=other,
                    )
                elif keys[: len(others)] == others or others[: len(keys)] == keys:
                    told = _(
                        "{place}: {key} for {name} and {other_key} for {other} begin alike",
                        place=place,
                        key=shown(key),
                        name=name,
                        other_key=shown(other_key),
                        other=other,
                    )
                else:
                    continue
                raise InvalidSetting(
                    told,
                    _(
                        'give {other} another key, or {other} = "{no_key}"',
                        other=other,
                        no_key=NO_KEY,
                    ),
                )
            used.append((keys, name, key))


def sequence(written: str) -> Sequence:
    """Return a key, or several with spaces between, in prompt_toolkit's words.

    Raises:
        InvalidSetting: it isn't a key, or terminals can't send it; the sentence says why.
    """
    keys = [each for word in written.split() for each in _one_key(word)]
    if not keys:
        raise InvalidSetting(_("that is no key"), _(_WRITE))
    return tuple(keys)


def shown(written: str) -> str:
    """Return a key as people read it, such as `Alt-←`."""
    return " ".join(_shown_key(*_split(word)) for word in written.split())


def _shown_key(modifiers: frozenset[str], key: str) -> str:
    name = _NAMED[key][1] if key in _NAMED else key.upper() if "ctrl" in modifiers else key
    return "-".join([each.capitalize() for each in _MODIFIERS if each in modifiers] + [name])


def _split(word: str) -> tuple[frozenset[str], str]:
    """Return a key's modifiers and its name."""
    *before, key = re.split(r"(?<=.)[-+](?=.)", word)
    modifiers = [_SHORT.get(each.lower(), each.lower()) for each in before]
    for each in modifiers:
        if each in _KEPT:
            raise InvalidSetting(
                _("terminals keep keys with {modifier} for themselves", modifier=each), _(_WRITE)
            )
        if each not in _MODIFIERS:
            hint = nearest(each, _MODIFIERS)
            raise InvalidSetting(
                _(
                    "{modifier!r} is none of {modifiers}",
                    modifier=each,
                    modifiers=", ".join(_MODIFIERS),
                ),
                hint,
            )
    if len(key) == 1:
        return frozenset(modifiers), key.lower() if "ctrl" in modifiers else key
    return frozenset(modifiers), key.lower().replace("_", "").replace("page-", "page")


def _one_key(word: str) -> Sequence:
    """Return one key in prompt_toolkit's words: with Alt it is Escape and the key."""
    modifiers, key = _split(word)
    if key in ("escape", "esc"):
        raise InvalidSetting(_("Escape can't be told from the beginning of other keys"), _(_WRITE))
    if len(key) > 1 and key not in _NAMED:
        raise InvalidSetting(_("{key!r} is no key", key=key), nearest(key, _NAMED))
    if "ctrl" in modifiers and key == "c":
        raise InvalidSetting(_("Ctrl-C always stops the reply"), _(_WRITE))
    alt = ("escape",) if "alt" in modifiers else ()
    without = _without_alt(modifiers - {"alt"}, key, alone=not alt)
    return (*alt, without)


def _without_alt(modifiers: frozenset[str], key: str, *, alone: bool) -> str:
    if "ctrl" in modifiers:
        return _with_ctrl(modifiers, key)
    if "shift" in modifiers:
        return _with_shift(key)
    if alone and (len(key) == 1 or key in ("space", "backspace")):
        raise InvalidSetting(
            _("{key} alone is needed for typing", key=_NAMED.get(key, (key, key))[1]),
            _("add ctrl- or alt-"),
        )
    return _NAMED[key][0] if key in _NAMED else key


def _with_ctrl(modifiers: frozenset[str], key: str) -> str:
    if key in _MOVING:
        return f"c-s-{key}" if "shift" in modifiers else f"c-{key}"
    if key in _SAME:
        raise InvalidSetting(
            _(
                "terminals send the same for Ctrl-{key} as {other_key}",
                key=key.upper(),
                other_key=_SAME[key],
            ),
            _(_WRITE),
        )
    if "shift" in modifiers and len(key) == 1:
        raise InvalidSetting(
            _("terminals don't tell Shift when Ctrl is held"), _("write ctrl-{key}", key=key)
        )
    if len(key) == 1 and key.isascii() and key.isalpha():
        return f"c-{key}"
    if key in _CTRL_SIGNS:
        return _CTRL_SIGNS[key]
    name = _shown_key(frozenset({"ctrl"}), key)
    raise InvalidSetting(_("terminals send nothing of its own for {name}", name=name), _(_WRITE))


def _with_shift(key: str) -> str:
    if key == "tab" or key in _MOVING:
        return f"s-{key}"
    if re.fullmatch(r"f\d+", key) and int(key[1:]) <= 12:
        number = int(key[1:]) + 12
        raise InvalidSetting(
            _("terminals send F{number} for Shift-{upper}", number=number, upper=key.upper()),
            _("write f{number}", number=number),
        )
    if len(key) == 1:
        raise InvalidSetting(
            _("Shift with a character is another character"), _("write {upper}", upper=key.upper())
        )
    raise InvalidSetting(_("terminals don't tell Shift with {key}", key=_NAMED[key][1]), _(_WRITE))
