"""Conversations on this machine: written down while they go on, opened, found and exported.

docs/sessions.md describes the files.
"""

from r1local.sessions.export import export_json, export_markdown
from r1local.sessions.folder import SessionSummary, find, read, remove, sessions
from r1local.sessions.recorder import NoSession, Recorder
from r1local.sessions.search import Hit, search
from r1local.sessions.session import Session
from r1local.sessions.transcript import Transcript

__all__ = [
    "Hit",
    "NoSession",
    "Recorder",
    "Session",
    "SessionSummary",
    "Transcript",
    "export_json",
    "export_markdown",
    "find",
    "read",
    "remove",
    "search",
    "sessions",
]
