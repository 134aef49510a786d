"""The figures of a benchmark in words and as a table."""

from collections.abc import Sequence

from rich.console import Console

from r1local.events.benchmark import UNITS, Figure, FigureKind
from r1local.language import N_, _
from r1local.ui.tables import Column, print_table
from r1local.units import memory_size

_WORDS: dict[FigureKind, str] = {
    "load_cold": N_("load, from the disk"),
    "load_warm": N_("load, from memory"),
    "first_token": N_("first token, prompt of {at}"),
    "reply": N_("a whole reply"),
    "prompt": N_("prompt at depth {at}"),
    "generation": N_("generation at depth {at}"),
    "votes": N_("votes: {at} at once"),
    "memory": N_("peak memory, depth {at}"),
    "gpu_memory": N_("GPU memory, depth {at}"),
}


def words_of(figure: Figure) -> str:
    """Return what a figure is about."""
    words = _(_WORDS[figure.kind], at=format(figure.at, ","))
    variant = [_(each) for each in figure.variant.split(", ")]  # such as: prose, with drafts
    return _(", ").join(filter(None, [words, *variant]))


def print_figures(console: Console, figures: Sequence[Figure], others: Sequence[Figure]) -> None:
    """Print figures with their median, spread and runs, and the ratio to another program's.

    Args:
        others: what llama-bench measured; those of the same kind and depth are compared.
    """
    columns = [
        Column(_("MEASURED"), [words_of(figure) for figure in figures], 9),
        Column(_("MEDIAN"), [_value(figure, figure.median) for figure in figures], 8, right=True),
        Column(_("SPREAD"), [_spread(figure) for figure in figures], 3, right=True),
        Column(_("RUNS"), [str(len(figure.runs)) for figure in figures], 1, right=True),
    ]
    if others:
        medians = {(other.kind, other.at): other.median for other in others}
        theirs = [(f, medians.get((f.kind, f.at))) for f in figures]
        columns += [
            Column(_("LLAMA-BENCH"), [_value(f, m) if m else "" for f, m in theirs], 4, right=True),
            Column(
                _("RATIO"), [f"{f.median / m:.2f}" if m else "" for f, m in theirs], 6, right=True
            ),
        ]
    print_table(console, columns)


def described(figure: Figure) -> dict[str, object]:
    """Return a figure as a JSON object."""
    return {
        "kind": figure.kind,
        "at": figure.at,
        "variant": figure.variant,
        "unit": UNITS[figure.kind],
        "median": figure.median,
        "least": figure.least,
        "most": figure.most,
        "runs": list(figure.runs),
    }


def _spread(figure: Figure) -> str:
    if len(figure.runs) == 1:
        return ""
    return f"{_number(figure, figure.least)}-{_number(figure, figure.most)}"


def _value(figure: Figure, value: float) -> str:
    number = _number(figure, value)
    match UNITS[figure.kind]:
        case "tokens/s":
            return _("{speed} tokens/s", speed=number)
        case "s":
            return _("{number} s", number=number)
    return number


def _number(figure: Figure, value: float) -> str:
    unit = UNITS[figure.kind]
    if unit == "bytes":
        return memory_size(int(value))
    digits = 0 if value >= 1_000 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}" if unit == "tokens/s" else f"{value:.3f}"
