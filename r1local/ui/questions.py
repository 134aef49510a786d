"""Questions on the terminal: they are asked on stderr and answered on stdin."""

import sys

from r1local.language import _
from r1local.ui.safe_text import visible_line


def can_ask() -> bool:
    """Tell whether a user can answer questions."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr.isatty())


def agreed(question: str) -> bool:
    """Ask a yes-or-no question; any answer but yes means no."""
    sys.stderr.write(_("{question} [y/N] ", question=visible_line(question)))
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
