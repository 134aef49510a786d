"""The keys in words, as they are bound: for the chat's help and its first line."""

from collections.abc import Iterator

from r1local.config.keys import ACTIONS, KeyMap

#: Actions that are told together, and what their keys do; keys that can't be others have none.
_TOGETHER: tuple[tuple[tuple[str, ...], str], ...] = (
    (("send",), "sends"),
    (("new_line",), "breaks the line, as \\ at its end does"),
    ((), "↑ earlier questions"),
    (("editor",), "writes the question in $EDITOR"),
    ((), "Ctrl-C stops the reply or the work, empties the input, or twice leaves"),
    (("leave",), "leaves"),
    (("suspend",), "suspends"),
    (("page_up", "page_down", "go_to_start", "go_to_end"), "scroll the conversation"),
    (("thought_page_up", "thought_page_down", "thought_up", "thought_down"), "scroll the thought"),
    (("toggle_thought",), "opens or folds the thought"),
    (("answer_now",), "answer now"),
    (("think_more",), "think on"),
    (("show_source",), "answers as written"),
    (("find_next", "find_previous"), "go on with /find"),
    (("move_pane",), "moves the thinking pane"),
    (("shrink_pane", "grow_pane"), "resize the thinking pane"),
    (("fold_pane",), "fold, keep or hide the thinking pane"),
)
_TOLD = {action for actions, _ in _TOGETHER for action in actions}


def key_entries(keys: KeyMap, *, full_screen: bool) -> Iterator[tuple[str, str]]:
    """Yield keys and what they do; those without a key, or not in this chat, are left out."""
    others = tuple(((name,), action.told) for name, action in ACTIONS.items() if name not in _TOLD)
    for actions, told in (*_TOGETHER, *others):
        here = [name for name in actions if full_screen or not ACTIONS[name].full_screen]
        if not actions:
            key, _space, does = told.partition(" ")
            yield key, does
        elif bound := keys.shown(*here):
            yield bound, told


def first_line(keys: KeyMap, *, full_screen: bool) -> str:
    """Return the keys that a new chat shows."""
    help_ = keys.shown("help") if full_screen else ""
    parts = (
        keys.hint("new_line", "breaks the line") if full_screen else "",
        f"{help_} or /help shows the rest" if help_ else "/help shows the rest",
        keys.hint("leave", "leaves"),
    )
    return f"{', '.join(filter(None, parts))}."
