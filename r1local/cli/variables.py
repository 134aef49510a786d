"""Environment variables that look like r1local's own but aren't."""

import os
import sys

from r1local.language import _

_PREFIX = "R1LOCAL_"


def warn_of_unknown_variables() -> None:
    """Say on stderr which variables have no effect: most likely their names are misspelt."""
    if not any(name.startswith(_PREFIX) for name in os.environ):
        return
    from difflib import get_close_matches

    from r1local.config.endpoints import KEY_VARIABLE
    from r1local.config.options import preferences
    from r1local.ui.attention.program import VARIABLES
    from r1local.ui.console import console_for, print_notice

    known = {option.variable.removeprefix(_PREFIX) for option in preferences()}
    known |= {each.removeprefix(_PREFIX) for each in (KEY_VARIABLE, *VARIABLES)}
    for name in sorted(os.environ):
        own = name.removeprefix(_PREFIX)
        if own != name and own not in known:
            near = get_close_matches(own, known, n=1)
            meant = _("did you mean {prefix}{near}?", prefix=_PREFIX, near=near[0]) if near else ""
            hint = meant or _("r1local config lists what there is")
            print_notice(
                console_for(sys.stderr), _("{name} has no effect: {hint}", name=name, hint=hint)
            )
