"""Events of a benchmark: what is being measured, each figure, and what was left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

#: What can be measured. `prompt` and `generation` are evaluation alone, with `at` tokens already
#: in the context; `reply` is a whole reply with everything that r1local does.
FigureKind: TypeAlias = Literal[
    "load_cold",
    "load_warm",
    "first_token",
    "prompt",
    "generation",
    "reply",
    "votes",
    "memory",
    "gpu_memory",
]

UNITS: Mapping[FigureKind, str] = MappingProxyType(
    {
        "load_cold": "s",
        "load_warm": "s",
        "first_token": "s",
        "prompt": "tokens/s",
        "generation": "tokens/s",
        "reply": "tokens/s",
        "votes": "tokens/s",
        "memory": "bytes",
        "gpu_memory": "bytes",
    }
)


@dataclass(frozen=True, slots=True)
class Figure:
    """Something measured in one or more runs.

    Args:
        kind: what was measured; `UNITS` has its unit.
        runs: the value of each run, at least one.
        at: the depth of the context in tokens, the number of votes, or the tokens of the prompt.
        variant: how it was measured, where that makes a difference, such as with drafts.
    """

    kind: FigureKind
    runs: tuple[float, ...]
    at: int = 0
    variant: str = ""

    @property
    def median(self) -> float:
        """The median of the runs."""
        from statistics import median  # its import takes 3 ms

        return median(self.runs)

    @property
    def least(self) -> float:
        """The lowest of the runs."""
        return min(self.runs)

    @property
    def most(self) -> float:
        """The highest of the runs."""
        return max(self.runs)


@dataclass(frozen=True, slots=True)
class Step:
    """The beginning of a measurement, in words."""

    words: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that wasn't measured, and why, in words."""

    what: str
    why: str


BenchmarkEvent: TypeAlias = Step | Figure | LeftOut


@dataclass(frozen=True, slots=True)
class Trial:
    """One value of an option, tried with the best values of those before it.

    Args:
        option: the option's name, or what the model's calibration keeps: attention and batch.
        value: the value as a user writes it.
        prompt, generation: medians in tokens per second.
        gain: how much faster a typical reply is than with the value before: 0.1 is a tenth.
        best: whether it is the value to choose.
    """

    option: str
    value: str
    prompt: float
    generation: float
    gain: float
    best: bool


TuningEvent: TypeAlias = Step | Trial | LeftOut
