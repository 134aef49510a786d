"""The user's editor, opened on a file."""

import os
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from r1local.errors import EditorError
from r1local.language import N_, _, reason_of

#: What is tried where no editor is set.
_EDITORS = ("editor", "nano", "vi", "emacs", "notepad")
_TERMINAL = Path("/dev/tty")
_SET_IT = N_("set VISUAL or EDITOR to another one")


def missing_editor() -> str | None:
    """Return the editor that is set, if it isn't installed."""
    words = _editor_set()
    return words[0] if words and not shutil.which(words[0]) else None


def check_editor() -> None:
    """Make sure that `edit_file` finds an editor, and a terminal if it needs one.

    Raises:
        EditorError: there is none.
    """
    with ExitStack() as files:
        _editor()
        _stdin(files)


def edit_file(path: Path) -> None:
    """Open a file in the editor, and wait until it is closed.

    Raises:
        EditorError: there is no editor, no terminal for one, or it ended with an error.
    """
    words = _editor()
    with ExitStack() as files:
        # Its own messages aren't part of what the chat writes to a pipe.
        stdout = None if sys.stdout.isatty() else sys.stderr
        try:
            code = subprocess.call([*words, str(path)], stdin=_stdin(files), stdout=stdout)
        except OSError as error:
            told = _(
                "the editor {editor} can't be run: {reason}",
                editor=words[0],
                reason=reason_of(error),
            )
            raise EditorError(told, _(_SET_IT)) from error
    if code:
        raise EditorError(
            _("the editor {editor} ended with code {code}", editor=words[0], code=code),
            _("what it wrote is kept in {path}", path=path),
        )


def _editor() -> list[str]:
    """Return the words of the command that is the editor."""
    words = _editor_set() or [next(filter(shutil.which, _EDITORS), "")]
    if not shutil.which(words[0]):
        told = (
            _("the editor {editor} can't be run", editor=words[0])
            if words[0]
            else _("there is no editor")
        )
        raise EditorError(told, _(_SET_IT))
    return words


def _stdin(files: ExitStack) -> IO[bytes] | int | None:
    """Return what the editor reads from: the terminal, never questions that come from a pipe."""
    if sys.stdin.isatty():
        return None
    try:
        return files.enter_context(_TERMINAL.open("rb"))
    except OSError:
        if not _editor_set():
            hint = _("set EDITOR to a program that changes a file by itself")
            raise EditorError(_("there is no terminal for an editor"), hint) from None
        return subprocess.DEVNULL


def _editor_set() -> list[str]:
    """Return the words of the command that the user has set; empty if there is none."""
    asked = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        return shlex.split(asked)
    except ValueError:  # a quote that isn't closed
        return [asked]
