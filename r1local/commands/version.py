"""`r1local --version`."""

from r1local import __version__
from r1local.engine.library import versions
from r1local.errors import EXIT_OK


def print_version() -> int:
    """Print the versions of r1local and of llama.cpp; return the exit code."""
    print(f"r1local {__version__}")
    for name, version in versions().items():
        print(f"{name} {version}")
    return EXIT_OK
