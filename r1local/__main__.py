"""`python -m r1local`, and the `r1local` command."""

import sys

from r1local import language
from r1local.cli.error_handler import run_and_leave
from r1local.ui import streams


def main() -> None:
    """Run the command line."""
    streams.prepare_streams()
    run_and_leave(_run_command)


def _run_command() -> int:
    from r1local.cli.plain import plain_command  # within the boundary: it loads a lot
    from r1local.cli.variables import warn_of_unknown_variables
    from r1local.config.language import wanted_language

    language.use(wanted_language())
    command = plain_command(sys.argv[1:])
    if command is None:
        from r1local.cli.parser import parse_arguments

        command = parse_arguments()
    warn_of_unknown_variables()
    return command()


if __name__ == "__main__":
    main()
