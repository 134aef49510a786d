"""Environment variables that look like r1local's own but aren't."""

import os
from collections.abc import Iterator
from difflib import get_close_matches

from r1local.config.endpoints import KEY_VARIABLE
from r1local.config.options import NOTIFY_VARIABLES, preferences

#: What the names of all of r1local's own begin with, which makes none of them alike.
PREFIX = "R1LOCAL_"


def unknown_variables() -> Iterator[tuple[str, str | None]]:
    """Yield each one that is set, and the one that was most likely meant."""
    variables = [*(option.variable for option in preferences()), KEY_VARIABLE, *NOTIFY_VARIABLES]
    known = {each.removeprefix(PREFIX) for each in variables}
    for name in sorted(each for each in os.environ if each.startswith(PREFIX)):
        own = name.removeprefix(PREFIX)
        if own not in known:
            near = get_close_matches(own, known, n=1)
            yield name, PREFIX + near[0] if near else None
