"""The command line: arguments in, the command they ask for out.

Typer is known here and nowhere else. Each command returns what is to be done
and doesn't do it: parsing and doing fail in different ways. What a command needs
is imported when it is done, so that `--help` loads neither llama.cpp nor anything
else heavy.
"""

# Help lists the commands in the order of these imports.
from r1local.cli import chat, replies  # isort: skip
from r1local.cli import models, sessions  # isort: skip
from r1local.cli.app import parse

__all__ = ["chat", "models", "parse", "replies", "sessions"]
