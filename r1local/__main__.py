"""`python -m r1local`, and the `r1local` command."""

import sys

from r1local import streams
from r1local.errors import EXIT_INTERRUPTED


def main() -> None:
    """Run the command line."""
    streams.prepare()
    try:
        from r1local.boundary import guarded
        from r1local.cli import parse
    except KeyboardInterrupt:  # this early there is nothing to say
        sys.exit(EXIT_INTERRUPTED)
    guarded(lambda: parse()())


if __name__ == "__main__":
    main()
