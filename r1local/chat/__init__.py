"""The chat: a conversation in progress, its slash commands, and its two screens.

What the screens are drawn with is in `ui.chat`; the command that starts a chat is in `commands`.
"""
