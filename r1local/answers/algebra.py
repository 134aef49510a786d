"""Answers compared by computer algebra, with math-verify, where that is installed.

Parsing and simplifying what a model wrote may take any time and memory (`9^{9^{9^9}}`), and
math-verify's own time limit works by signals, in main threads alone. So it is done in a
process of its own, which is given a few seconds and a limited memory.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec

from r1local.answers.canonical import is_formula, is_number

_SECONDS = 5
_MEMORY_BYTES = 2 * 2**30


def equal_formula(answer: str, others: Sequence[str]) -> int | None:
    """The place of the first formula among `others` that is equal to `answer`; None if none is.

    None as well where math-verify is not installed, or doesn't find out in time.
    """
    if not is_formula(answer) or find_spec("math_verify") is None:
        return None
    formulas = [place for place, other in enumerate(others) if is_formula(other)]
    if is_number(answer):  # which `canonical` has told from other numbers
        formulas = [place for place in formulas if not is_number(others[place])]
    if not formulas:
        return None
    question = json.dumps([answer, [others[place] for place in formulas]])
    # -P: no module of the folder that the user happens to be in.
    command = [sys.executable, "-P", "-m", "r1local.answers.algebra"]
    try:
        done = subprocess.run(
            command,
            input=question.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=True,
            start_new_session=True,  # Ctrl-C is for the vote, which waits for this
        )
        place = json.loads(done.stdout)
    except (subprocess.SubprocessError, OSError, ValueError):
        return None
    return None if place is None else formulas[place]


def _first_equal(answer: str, others: Sequence[str]) -> int | None:
    from math_verify import parse, verify

    def parsed(text: str) -> object:
        return parse(f"${text}$", parsing_timeout=None)

    mine = parsed(answer)
    for place, other in enumerate(others):
        theirs = parsed(other)
        if mine and theirs and verify(theirs, mine, timeout_seconds=None):
            return place
    return None


def _limit_memory() -> None:
    with suppress(ImportError, OSError, ValueError):  # Windows has none, macOS heeds none
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))


if __name__ == "__main__":
    _limit_memory()
    print(json.dumps(_first_equal(*json.load(sys.stdin))))
