"""The warning of environment variables that have no effect."""

import os
import sys


def warn_of_unknown_variables() -> None:
    """Say on stderr which variables have no effect: most likely their names are misspelt."""
    if not any(name.startswith("R1LOCAL_") for name in os.environ):
        return  # what follows takes long to import
    from r1local.config.variables import unknown_variables
    from r1local.ui.console import console_for, print_notice

    for name, meant in unknown_variables():
        hint = f"did you mean {meant}?" if meant else "r1local config lists what there is"
        print_notice(console_for(sys.stderr), f"{name} has no effect: {hint}")
