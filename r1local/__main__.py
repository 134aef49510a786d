"""`python -m r1local`, and the `r1local` command."""

import sys

from r1local.errors import EXIT_INTERRUPTED
from r1local.ui import streams


def main() -> None:
    """Run the command line."""
    streams.prepare_streams()
    try:
        from r1local.cli.error_handler import run_and_exit
        from r1local.cli.parser import parse_arguments
    except KeyboardInterrupt:  # this early there is nothing to say
        sys.exit(EXIT_INTERRUPTED)
    run_and_exit(lambda: parse_arguments()())


if __name__ == "__main__":
    main()
