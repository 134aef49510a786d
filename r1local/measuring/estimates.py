"""The speed to expect of a model: as it was measured here, or else estimated from others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from r1local.language import _
from r1local.machine.memory import Machine, MemoryFacts
from r1local.machine.plans import Plan
from r1local.machine.speed import tokens_per_second
from r1local.measuring.records import Record, all_reached, find


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second at an empty context, from `least` to `most`, 0 if unknown.

    If they were `measured`, both are the median.
    """

    least: float
    most: float
    measured: bool = False

    @property
    def words(self) -> str:
        """The speed in words: `about 6.1 to 9.8 tokens/s (estimated)`; empty if it is unknown."""
        if self.measured:
            return _("{most:.1f} tokens/s", most=self.most)
        told = _(
            "about {least:.1f} to {most:.1f} tokens/s (estimated)", least=self.least, most=self.most
        )
        return told if self.most else ""


class Speeds:
    """The speeds of models on a machine, whose figures are read once."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._reached = all_reached()

    def of(self, facts: MemoryFacts | None, plan: Plan | None, files: Sequence[Path] = ()) -> Speed:
        """Return a model's speed.

        Args:
            facts, plan: what it is, and where it would run, if that is known.
            files: its files, if it is on this machine.
        """
        record = find(files) if files else None
        if record and (median := generation_speed(record)):
            return Speed(median, median, measured=True)
        if facts is None or plan is None:
            return Speed(0.0, 0.0)
        return Speed(*tokens_per_second(facts, plan, self._machine, self._reached))


def generation_speed(record: Record) -> float | None:
    """Return the median speed of generation at an empty context, if it was measured."""
    found = (f.median for f in record.figures if f.kind == "generation" and f.at == 0)
    return next(found, None)
