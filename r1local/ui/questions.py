"""Questions on the terminal: the answer comes from stdin, the question goes to stderr."""

import sys

from r1local.ui.safe_text import visible_line


def can_ask() -> bool:
    """Whether somebody is there to answer."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr.isatty())


def agreed(question: str) -> bool:
    """Ask a question of yes or no; anything but yes is no."""
    sys.stderr.write(f"{visible_line(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
