"""What a tuning found: each value that was tried, and what it is worth."""

from collections.abc import Sequence

from rich.console import Console

from r1local.events.benchmark import Trial
from r1local.language import _
from r1local.ui.tables import Column, print_table


def print_trials(console: Console, trials: Sequence[Trial]) -> None:
    """Print the values by option, the speeds with each, and how much faster a reply is."""
    columns = (
        Column(_("SETTING"), [trial.option for trial in trials], 9),
        Column(_("VALUE"), [trial.value or "auto" for trial in trials], 8),
        Column(_("PROMPT"), [_speed(trial.prompt) for trial in trials], 3, right=True),
        Column(_("GENERATION"), [_speed(trial.generation) for trial in trials], 4, right=True),
        Column(_("A REPLY"), [f"{trial.gain:+.0%}" for trial in trials], 6, right=True),
        Column("", [_("best") if trial.best else "" for trial in trials], 7),
    )
    print_table(console, columns)


def _speed(tokens_per_s: float) -> str:
    speed = f"{tokens_per_s:,.{0 if tokens_per_s >= 1_000 else 1}f}"
    return _("{speed} tokens/s", speed=speed)
