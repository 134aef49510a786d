"""How the chat looks."""

from prompt_toolkit.styles import Style

# The terminal's own colours and attributes, readable on a dark and on a light background.
CHAT_STYLE = Style.from_dict(
    {
        "thought": "dim",
        "note": "dim italic",
        "fold": "dim",
        "question": "bold",
        "rule": "dim",
        "title": "dim",
        "new": "reverse",
        "found": "reverse",
        "selected": "reverse",
        "chosen": "reverse",
        "about": "dim",
        "status": "dim",
        "warning": "nodim bold ansired",
        "busy": "nodim",
        "waiting": "dim italic",
        "completion-menu": "noinherit",
        "completion-menu.completion": "reverse",
        "completion-menu.completion.current": "noreverse bold",
        "completion-menu.meta.completion": "reverse",
        "completion-menu.meta.completion.current": "noreverse bold",
    }
)
