"""Conversations on this machine: written down while they go on, opened, found and exported.

docs/sessions.md describes the files. A conversation in progress is in `chat.dialogue`.
"""
