"""`python -m r1local`, and the `r1local` command."""

import sys

from r1local.errors import EXIT_INTERRUPTED
from r1local.ui import streams


def main() -> None:
    """Run the command line."""
    streams.prepare()
    try:
        from r1local.cli.error_handler import guarded
        from r1local.cli.parser import parse
    except KeyboardInterrupt:  # this early there is nothing to say
        sys.exit(EXIT_INTERRUPTED)
    guarded(lambda: parse()())


if __name__ == "__main__":
    main()
