"""`python -m r1local`, and the `r1local` command."""

from r1local.cli.error_handler import run_and_exit
from r1local.ui import streams


def main() -> None:
    """Run the command line."""
    streams.prepare_streams()
    run_and_exit(_run_command)


def _run_command() -> int:
    from r1local.cli.parser import parse_arguments  # within the boundary: it loads a lot

    return parse_arguments()()


if __name__ == "__main__":
    main()
