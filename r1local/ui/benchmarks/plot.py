"""Speeds over the depth of the context, as bars in a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from r1local.events.benchmark import Figure, FigureKind
from r1local.language import N_, _

#: The figures that are plotted, and their titles.
PLOTTED: dict[FigureKind, str] = {
    "generation": N_("Generation, tokens/s by depth"),
    "prompt": N_("Prompt, tokens/s by depth"),
}
_LONGEST_BAR, _OURS, _THEIRS = 50, "accent", "note"
#: Cells beside a bar: the depth, the value, and the gaps.
_BESIDE = 22
_EIGHTHS = " ▏▎▍▌▋▊▉"


def print_plot(console: Console, figures: Sequence[Figure], others: Sequence[Figure]) -> None:
    """Print a bar for each depth, and llama-bench's below it; nothing for a single depth."""
    for kind, title in PLOTTED.items():
        ours = [figure for figure in figures if figure.kind == kind]
        theirs = {other.at: other.median for other in others if other.kind == kind}
        if len(ours) < 2:
            continue
        longest = max([*(figure.median for figure in ours), *theirs.values()])
        below = _(" (below: llama-bench)") if theirs else ""
        console.print(Text(f"\n{_(title)}{below}"))
        for figure in ours:
            _print_bar(console, f"{figure.at:,}", figure.median, longest, _OURS)
            if figure.at in theirs:
                _print_bar(console, "", theirs[figure.at], longest, _THEIRS)


def _print_bar(console: Console, label: str, value: float, longest: float, style: str) -> None:
    width = max(1, min(_LONGEST_BAR, console.width - _BESIDE))
    bar = _bar(width * value / longest)
    console.print(Text.assemble(f"{label:>7} ", (bar, style), f" {value:,.1f}"))


def _bar(cells: float) -> str:
    """Return a bar of so many cells, with eighths of one at its end."""
    whole, part = divmod(round(cells * 8), 8)
    return "█" * whole + _EIGHTHS[part].strip()
