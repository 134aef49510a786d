"""How the chat looks: the theme's roles, in prompt_toolkit's words."""

from prompt_toolkit.styles import Style

from r1local.ui.appearance import prompt_toolkit_style, theme


def chat_style() -> Style:
    """Return the styles of the chat's screen and of its prompt, by the names of their classes."""
    looks = {role: prompt_toolkit_style(look) for role, look in theme().looks.items()}
    marked, plain = looks["highlight"], "noinherit bold"
    return Style.from_dict(
        {
            "thought": looks["thinking"],
            "answer": looks["answer"],
            "note": f"italic {looks['note']}",
            "fold": looks["thinking"],
            "question": looks["question"],
            "rule": looks["border"],
            "title": looks["border"],
            "new": f"noinherit {marked}",
            "found": f"noinherit {marked}",
            "selected": f"noinherit {marked}",
            "chosen": f"noinherit {marked}",
            "about": looks["note"],
            "status": looks["status"],
            "error": f"noinherit {looks['error']}",
            "busy": "noinherit",
            "waiting": f"italic {looks['note']}",
            "completion-menu": "noinherit",
            "completion-menu.completion": f"noinherit {marked}",
            "completion-menu.completion.current": plain,
            "completion-menu.meta.completion": f"noinherit {marked}",
            "completion-menu.meta.completion.current": plain,
        }
    )
