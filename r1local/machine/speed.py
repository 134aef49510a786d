"""How fast a model may generate here, by what limits it: reading its weights, or computing.

Pure arithmetic. A token needs every weight once, so memory's bandwidth limits large models. On a
CPU, small ones and some quantizations are limited by the multiplications instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log2

from r1local.machine.memory import Machine, MemoryFacts, cpu_read_per_token
from r1local.machine.plans import Plan

#: Share of the memory bandwidth that generation reaches: published measurements range from 53 %
#: (M1 Max) to 85 %, with files of fewer bits per weight at the lower end.
_BANDWIDTH_SHARE = (0.5, 0.85)
#: Weights per second that one core multiplies: of types that llama.cpp packs anew for the CPU,
#: and of others. Measured on two cores each (docs/benchmarks.md): 12e9 at least for Q4_K, and
#: 5.3e9 to 12e9 for Q4_1 and for the Q8_0 and Q5_0 of gemma-3-270m; with a margin.
_PACKED_PER_CORE, _PLAIN_PER_CORE = (10e9, 25e9), (4.5e9, 12e9)
#: How far models of one machine differ from the one that was measured.
_MARGIN = 0.15


@dataclass(frozen=True, slots=True)
class Reached:
    """The speed of generation that a model reached on this machine at an empty context.

    Args:
        read: bytes of weights read for a token.
        packed, plain: weights multiplied for a token: of types that llama.cpp packs, and others.
        tokens_per_s: what was measured.
        on_gpu: whether GPUs took part.
        bandwidth: bytes per second of the memory, measured then; 0 if that wasn't possible.
    """

    read: int
    packed: int
    plain: int
    tokens_per_s: float
    on_gpu: bool = False
    bandwidth: float = 0.0

    @property
    def bytes_per_s(self) -> float:
        """The bytes of weights that it read per second."""
        return self.read * self.tokens_per_s

    @property
    def weights_per_s(self) -> float:
        """The weights that it multiplied per second."""
        return (self.packed + self.plain) * self.tokens_per_s


@dataclass(frozen=True, slots=True)
class _Limits:
    """What a CPU does per second: bytes of weights read, and weights multiplied by their kind."""

    bytes: float
    packed: float
    plain: float

    def seconds(self, facts: MemoryFacts) -> float:
        """Return the seconds of a token: of the slower one of reading and computing."""
        computing = facts.packed_weights / self.packed + facts.plain_weights / self.plain
        return max(facts.read_per_token / self.bytes, computing)


def tokens_per_second(
    facts: MemoryFacts, plan: Plan, machine: Machine, reached: Sequence[Reached] = ()
) -> tuple[float, float]:
    """Return the range of the speed of generation at an empty context; (0, 0) if unknown.

    Args:
        reached: the speeds of other models on this machine; each tells how far the limit goes
            that it ran into, and the most similar one counts.
    """
    if plan.kind == "no" or not facts.read_per_token:
        return 0.0, 0.0
    on_gpu = 1 - cpu_read_per_token(facts, plan.placement) / facts.read_per_token
    fastest = _fastest(reached)
    speeds = []
    for end in (0, 1):
        cpu = _cpu_limits(facts, machine, fastest, end)
        gpu = _gpu_bytes(facts, machine, fastest, end)
        if (on_gpu and not gpu) or (on_gpu < 1 and not cpu):
            return 0.0, 0.0
        seconds = on_gpu * facts.read_per_token / gpu if gpu else 0.0
        seconds += (1 - on_gpu) * cpu.seconds(facts) if cpu else 0.0
        speeds.append(1 / seconds)
    return speeds[0], speeds[1]


def _cpu_limits(
    facts: MemoryFacts, machine: Machine, reached: Sequence[Reached], end: int
) -> _Limits | None:
    """Return the lower (0) or upper (1) end of a CPU's limits; None if they aren't known."""
    bandwidth = max([machine.memory_bandwidth or 0, *(each.bandwidth for each in reached)])
    if not bandwidth:
        return None
    least, cores = _BANDWIDTH_SHARE[0] * bandwidth, machine.cores or inf
    seen = [each for each in reached if not each.on_gpu]
    reading = [each for each in seen if each.bytes_per_s >= least]
    packed = [each for each in seen if each.packed > each.plain]
    plain = [each for each in seen if each.packed <= each.plain]
    nearest = _most_similar(facts, reading)
    return _Limits(
        _around(nearest.bytes_per_s, end) if nearest else _BANDWIDTH_SHARE[end] * bandwidth,
        _rate(facts, packed, least, cores * _PACKED_PER_CORE[end], end),
        _rate(facts, plain, least, cores * _PLAIN_PER_CORE[end], end),
    )


def _rate(
    facts: MemoryFacts, seen: Sequence[Reached], least: float, usual: float, end: int
) -> float:
    """Return the weights per second that a CPU multiplies, of the kind of weights that were seen.

    Args:
        seen: measured models of that kind.
        least: bytes per second below which memory wasn't what limited a model.
        usual: what is expected where none of them was limited by computing.
    """
    nearest = _most_similar(facts, [each for each in seen if each.bytes_per_s < least])
    if nearest:
        return _around(nearest.weights_per_s, end)
    return max([usual, *(_around(each.weights_per_s, end) for each in seen)])


def _gpu_bytes(
    facts: MemoryFacts, machine: Machine, reached: Sequence[Reached], end: int
) -> float | None:
    """Return the bytes of weights that GPUs read per second."""
    if nearest := _most_similar(facts, [each for each in reached if each.on_gpu]):
        return _around(nearest.bytes_per_s, end)
    return _BANDWIDTH_SHARE[end] * machine.gpu_bandwidth if machine.gpu_bandwidth else None


def _fastest(reached: Sequence[Reached]) -> list[Reached]:
    """Return the fastest of the models of about the same size and kind.

    Other programs may have slowed one down, but nothing makes a machine faster than it is.
    """
    best: dict[tuple[int, bool, bool], Reached] = {}
    for each in sorted(reached, key=lambda each: each.bytes_per_s):
        if each.read:
            best[round(log2(each.read)), each.packed > each.plain, each.on_gpu] = each
    return list(best.values())


def _most_similar(facts: MemoryFacts, reached: Sequence[Reached]) -> Reached | None:
    """Return the measured model that is the most similar in size."""
    return min(reached, key=lambda each: abs(log2(each.read / facts.read_per_token)), default=None)


def _around(measured: float, end: int) -> float:
    """Return the lower or upper end of a range around what was measured."""
    return measured * (1 + _MARGIN if end else 1 - _MARGIN)
