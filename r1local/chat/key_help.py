"""The keys in words, as they are bound: for the chat's help and its first line."""

from collections.abc import Iterator

from r1local.config.keys import ACTIONS, KeyMap

#: What is told together, in a line each: actions, and what their keys do.
_LINES = (
    (
        (("send",), "sends"),
        (("new_line",), "or \\ breaks the line"),
        ((), "↑ earlier questions"),
        (("editor",), "$EDITOR"),
    ),
    (
        ((), "Ctrl-C stops the reply, empties the input, or twice leaves"),
        (("leave",), "leaves"),
        (("suspend",), "suspends"),
    ),
    ((("page_up", "page_down", "go_to_start", "go_to_end"), "scroll the conversation"),),
    ((("thought_page_up", "thought_page_down", "thought_up", "thought_down"), "the thought"),),
    (
        (("toggle_thought",), "opens or folds the thought"),
        (("answer_now",), "answer now"),
        (("think_more",), "think on"),
        (("show_source",), "answers as written"),
    ),
    ((("find_next", "find_previous"), "go on with /find"),),
    (
        (("move_pane",), "moves the thinking pane"),
        (("shrink_pane", "grow_pane"), "resize it"),
        (("fold_pane",), "fold, keep or hide it"),
    ),
)
_TOLD = {action for line in _LINES for actions, _ in line for action in actions}


def keys_told(keys: KeyMap, *, full_screen: bool) -> str:
    """Return a line for each group of keys; those without a key, or not in this chat, are left out.

    Actions that no line is about have lines of their own.
    """
    others = tuple(((name,), action.told) for name, action in ACTIONS.items() if name not in _TOLD)
    lines = (*_LINES, *((other,) for other in others))
    told = (" · ".join(_parts(line, keys, full_screen=full_screen)) for line in lines)
    return "\n".join(filter(None, told))


def _parts(
    line: tuple[tuple[tuple[str, ...], str], ...], keys: KeyMap, *, full_screen: bool
) -> Iterator[str]:
    for actions, told in line:
        here = [name for name in actions if full_screen or not ACTIONS[name].full_screen]
        if not actions:
            yield told
        elif bound := keys.shown(*here):
            yield f"{bound} {told}"


def first_line(keys: KeyMap, *, full_screen: bool) -> str:
    """Return what a new chat shows."""
    help_ = keys.shown("help") if full_screen else ""
    parts = (
        keys.hint("new_line", "breaks the line") if full_screen else "",
        f"{help_} or /help shows the rest" if help_ else "/help shows the rest",
        keys.hint("leave", "leaves"),
    )
    return f"Ask anything. {', '.join(filter(None, parts))}."
