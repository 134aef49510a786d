"""`python -m r1local`, and the `r1local` command."""

import io
import os
import sys

from r1local.errors import EXIT_INTERRUPTED


def main() -> None:
    """Run the command line."""
    _prepare_streams()
    try:
        from r1local.boundary import guarded
        from r1local.cli import parse

        command = parse()
    except KeyboardInterrupt:  # this early there is nothing to keep
        sys.exit(EXIT_INTERRUPTED)
    guarded(command)


def _prepare_streams() -> None:
    """UTF-8 and bare line feeds on every system, and streams that exist.

    A program started with a closed stdout has `sys.stdout` None; its text goes
    nowhere, as the one who closed it wants.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace", newline="\n")


if __name__ == "__main__":
    main()
