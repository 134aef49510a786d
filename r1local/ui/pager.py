"""Long texts on a terminal, through the user's pager."""

import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

from rich.console import Console

from r1local.ui.console import can_repaint

#: As git sets it where LESS isn't set (git-config(1), `core.pager`): leave at once if all fits
#: on the screen, pass colours on, and leave the text on the screen.
_LESS = "FRX"


@contextmanager
def paged(console: Console) -> Iterator[Console]:
    """Yield the console to print on: that of a pager in front of a terminal, or else `console`.

    The pager is `$PAGER`, or `less -R`. There is none for a pipe, for a terminal without a cursor,
    and if `$PAGER` is empty or can't be run. It starts once everything is printed.
    """
    command = _pager()
    if not command or not can_repaint(console):
        yield console
        return
    text = StringIO()
    yield Console(
        file=text,
        force_terminal=True,
        width=console.width,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=True,
    )
    environment = {"LESS": _LESS, **os.environ}
    with _interrupts_left_to_it():
        subprocess.run(
            command, input=text.getvalue(), env=environment, encoding="utf-8", check=False
        )


def _pager() -> list[str]:
    """Return the pager's command; empty if there is none."""
    asked = os.environ.get("PAGER")
    try:
        words = shlex.split("less -R" if asked is None else asked)
    except ValueError:  # a quote that isn't closed
        return []
    return words if words and shutil.which(words[0]) else []


@contextmanager
def _interrupts_left_to_it() -> Iterator[None]:
    """Let Ctrl-C do what it does in the pager, instead of ending this program under it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Not ignored: the pager would inherit that.
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
