"""Leaving the terminal usable, whatever happens to the program that took it over.

Full-screen programs change the terminal's modes and change them back at the end. A
crash inside llama.cpp or `kill -9` leaves no time for that, so a second process
watches: the parent waits while the child chats, and each restores the terminal if the
other one dies.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any

#: Show the cursor, end reports of mouse and focus and bracketed paste, and reset colours: what
#: the chat and prompt_toolkit set, in xterm's control sequences.
_RESET = b"\x1b[?25h\x1b[?1000l\x1b[?1003l\x1b[?1004l\x1b[?1006l\x1b[?1015l\x1b[?2004l\x1b[0m\r\n"
_LEAVE_SCREEN = b"\x1b[?1049l"
_LATE_S = 0.5
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP) if sys.platform != "win32" else ()


def guarded_terminal(
    work: Callable[[], int],
    *,
    full_screen: bool,
    killed: Callable[[int], None],
    told: str = "",
) -> int:
    """Do some work in a child process; return its exit code, in both processes.

    The child goes on from here as the program; the parent only waits. There, the exit code
    for a child that a signal ended is 128 plus the signal's number, as in a shell. Where
    there is no fork (Windows), the work is simply done.

    Args:
        full_screen: the work has a screen of its own, which restoring the terminal leaves.
        told: restores what the terminal was told besides text, such as its title.
        killed: called in the parent, on a restored terminal, with the signal that ended the child.
    """
    if sys.platform == "win32":
        return work()
    import termios

    modes = termios.tcgetattr(sys.stdin.fileno())
    terminal = os.dup(sys.stdout.fileno())
    mend = partial(_mend, terminal, modes, _LEAVE_SCREEN * full_screen + told.encode() + _RESET)
    # Otherwise the system would stop a process that restores the terminal in the background.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    sys.stdout.flush()
    sys.stderr.flush()
    alive, held_open = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(held_open)
        threading.Thread(target=_mend_if_orphaned, args=(alive, mend), daemon=True).start()
        return work()
    os.close(alive)
    code = os.waitstatus_to_exitcode(_wait(child))
    if code < 0:
        mend()
        killed(-code)
        return 128 - code
    return code


def _wait(child: int) -> int:
    """Wait for the child, and pass signals that end or stop a program on to it; stop with it."""
    # The terminal's own signals reach both: the child decides what Ctrl-C means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    for number in _FORWARDED:
        signal.signal(number, lambda number, _frame: os.kill(child, number))
    continued = float("-inf")

    def go_on(number: int, _frame: object) -> None:
        nonlocal continued
        continued = monotonic()
        os.kill(child, number)

    signal.signal(signal.SIGCONT, go_on)
    while os.WIFSTOPPED(status := os.waitpid(child, os.WUNTRACED)[1]):
        # The shell watches only this process. If the news of it comes late, both were stopped and
        # continued together.
        if monotonic() > continued + _LATE_S:
            os.kill(os.getpid(), signal.SIGSTOP)
    return status


def _mend_if_orphaned(alive: int, mend: Callable[[], None]) -> None:
    """Wait for the parent to end, which closes its end of a pipe; then end too, showing nothing."""
    os.read(alive, 1)
    _hide_output()
    mend()
    os.kill(os.getpid(), signal.SIGTERM)


def _hide_output() -> None:
    """Discard what is painted and said from here on: the terminal is the shell's again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if stream.isatty():
            os.dup2(nowhere, stream.fileno())


def _mend(terminal: int, modes: list[Any], reset: bytes) -> None:
    import termios

    with suppress(OSError, termios.error):
        os.write(terminal, reset)
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, modes)
