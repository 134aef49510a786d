"""What must be the same in a picture and in a new run: all but what varies by machine and run."""

import re
from collections.abc import Iterable

#: What varies, and what stands for it.
_VARIES = (
    (re.compile(r"\b[\d.]+ s\b"), "N s"),
    (re.compile(r"\b[\d,]+ tokens/s"), "N tokens/s"),
    (re.compile(r"\b[\d,]+ tokens, [\d,]+ per second"), "N tokens, N per second"),
    # Voters draw at random, and other processors round otherwise: what the others said may differ.
    (re.compile(r"\b\d+ replies\b.* · "), "N replies · "),
    (re.compile(r"· \d+ votes?$"), "· N votes"),
    # A model's card is about this machine's memory and speed.
    (re.compile(r"^Free here: .*"), "Free here: N"),
    (re.compile(r"(?<=\d) (?:GPU|part|CPU|no)\b"), " fits"),
    (re.compile(r"(?<= fits)\s+~?[\d.]+(?:-[\d.]+)?$"), " N"),
    # The widths of columns and panes follow from the numbers in them.
    (re.compile(r"─+"), "─"),
    (re.compile(r"\s+"), " "),
)


def steady(rows: Iterable[str]) -> list[str]:
    """Return the rows of a screen without what varies; of a tally's rows only the first is kept."""
    kept: list[str] = []
    for row in rows:
        text = row.rstrip()
        for pattern, stand_in in _VARIES:
            text = pattern.sub(stand_in, text)
        is_vote = text.endswith("· N votes")
        if not (is_vote and kept and kept[-1].endswith("· N votes")):
            kept.append(text.strip())
    while kept and not kept[-1]:
        kept.pop()
    return kept
