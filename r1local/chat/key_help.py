"""The keys in words, as they are bound: for the chat's help and its first line."""

from collections.abc import Iterator

from r1local.config.keys import ACTIONS, KeyMap
from r1local.language import N_, _

#: Actions that are told together, and what their keys do; keys that can't be others have none.
_TOGETHER: tuple[tuple[tuple[str, ...], str], ...] = (
    (("send",), N_("sends")),
    (("new_line",), N_("breaks the line, as \\ at its end does")),
    ((), N_("↑ earlier questions")),
    (("editor",), N_("writes the question in $EDITOR")),
    ((), N_("Ctrl-C stops the reply or the work, empties the input, or twice leaves")),
    (("leave",), N_("leaves")),
    (("suspend",), N_("suspends")),
    (("page_up", "page_down", "go_to_start", "go_to_end"), N_("scroll the conversation")),
    (
        ("thought_page_up", "thought_page_down", "thought_up", "thought_down"),
        N_("scroll the thought"),
    ),
    (("toggle_thought",), N_("opens or folds the thought")),
    (("answer_now",), N_("answer now")),
    (("think_more",), N_("think on")),
    (("show_source",), N_("answers as written")),
    (("find_next", "find_previous"), N_("go on with /find")),
    (("move_pane",), N_("moves the thinking pane")),
    (("shrink_pane", "grow_pane"), N_("resize the thinking pane")),
    (("fold_pane",), N_("fold, keep or hide the thinking pane")),
)
_TOLD = {action for actions, _told in _TOGETHER for action in actions}


def key_entries(keys: KeyMap, *, full_screen: bool) -> Iterator[tuple[str, str]]:
    """Yield keys and what they do; those without a key, or not in this chat, are left out."""
    others = tuple(((name,), action.told) for name, action in ACTIONS.items() if name not in _TOLD)
    for actions, told in (*_TOGETHER, *others):
        here = [name for name in actions if full_screen or not ACTIONS[name].full_screen]
        if not actions:
            key, _space, does = _(told).partition(" ")
            yield key, does
        elif bound := keys.shown(*here):
            yield bound, _(told)


def first_line(keys: KeyMap, *, full_screen: bool) -> str:
    """Return the keys that a new chat shows."""
    help_ = keys.shown("help") if full_screen else ""
    parts = (
        keys.hint("new_line", _("breaks the line")) if full_screen else "",
        _("{help} or /help shows the rest", help=help_) if help_ else _("/help shows the rest"),
        keys.hint("leave", _("leaves")),
    )
    return _("{keys}.", keys=_(", ").join(filter(None, parts)))
