"""The warning of environment variables that have no effect."""

import os
import sys

from r1local.language import _


def warn_of_unknown_variables() -> None:
    """Say on stderr which variables have no effect: most likely their names are misspelt."""
    if not any(name.startswith("R1LOCAL_") for name in os.environ):
        return  # what follows takes long to import
    from r1local.config.variables import unknown_variables
    from r1local.ui.console import output_for, print_notice

    for name, meant in unknown_variables():
        hint = _("did you mean {near}?", near=meant) if meant else ""
        print_notice(
            output_for(sys.stderr),
            _(
                "{name} has no effect: {hint}",
                name=name,
                hint=hint or _("r1local config lists what there is"),
            ),
        )
