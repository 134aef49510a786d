"""How fast a model may generate here, by what limits it: reading its weights, or computing.

Pure arithmetic. A token needs every weight once, so memory's bandwidth limits large models. On a
CPU, small ones and some quantizations are limited by the multiplications instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log

from r1local.machine.memory import Machine, MemoryFacts
from r1local.machine.planner import Plan

#: Share of the memory bandwidth that generation reaches: published measurements range from 53 %
#: (M1 Max) to 85 %, with files of fewer bits per weight at the lower end.
_BANDWIDTH_SHARE = (0.5, 0.85)
#: Weights per second that one core multiplies: of types that llama.cpp packs anew for the CPU,
#: and of others. Measured on two cores each (docs/benchmarks.md): 12e9 at least for Q4_K, and
#: 5.3e9 to 6.3e9 for Q4_1 and gemma-3-270m; with a margin for slower and faster processors.
_PACKED_PER_CORE, _PLAIN_PER_CORE = (10e9, 25e9), (4.5e9, 8e9)
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
    """

    read: int
    packed: int
    plain: int
    tokens_per_s: float
    on_gpu: bool = False

    @property
    def bytes_per_s(self) -> float:
        """The bytes of weights that it read per second."""
        return self.read * self.tokens_per_s


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
            that it ran into.
    """
    on_gpu = plan.gpu_layers / plan.layers
    if plan.kind == "no" or not facts.read_per_token:
        return 0.0, 0.0
    speeds = []
    for end in (0, 1):
        cpu = _cpu_limits(machine, reached, end)
        gpu = _gpu_bytes(facts, machine, reached, end)
        if (on_gpu and not gpu) or (on_gpu < 1 and not cpu):
            return 0.0, 0.0
        seconds = on_gpu * facts.read_per_token / gpu if gpu else 0.0
        seconds += (1 - on_gpu) * cpu.seconds(facts) if cpu else 0.0
        speeds.append(1 / seconds)
    return speeds[0], speeds[1]


def _cpu_limits(machine: Machine, reached: Sequence[Reached], end: int) -> _Limits | None:
    """Return the lower (0) or upper (1) end of a CPU's limits; None if they aren't known."""
    bandwidth = machine.memory_bandwidth
    if not bandwidth:
        return None
    seen = [each for each in reached if not each.on_gpu]
    reading = [r for r in seen if r.bytes_per_s >= _BANDWIDTH_SHARE[0] * bandwidth]
    computing = [r for r in seen if r not in reading]
    cores = machine.cores or inf
    return _Limits(
        _end([r.bytes_per_s for r in reading], end) or _BANDWIDTH_SHARE[end] * bandwidth,
        _rate(
            [(r.packed * r.tokens_per_s, r in computing) for r in seen if r.packed > r.plain],
            cores * _PACKED_PER_CORE[end],
            end,
        ),
        _rate(
            [(r.plain * r.tokens_per_s, r in computing) for r in seen if r.plain >= r.packed],
            cores * _PLAIN_PER_CORE[end],
            end,
        ),
    )


def _rate(seen: Sequence[tuple[float, bool]], usual: float, end: int) -> float:
    """Return the weights per second that a CPU multiplies.

    Args:
        seen: those of measured models, and whether that was what limited them.
        usual: what it is expected to do.
    """
    limits = [rate for rate, limited in seen if limited]
    return _end(limits, end) or max([usual, *(rate for rate, _limited in seen)])


def _gpu_bytes(
    facts: MemoryFacts, machine: Machine, reached: Sequence[Reached], end: int
) -> float | None:
    """Return the bytes of weights that GPUs read per second, as the most similar model did."""
    seen = [each for each in reached if each.on_gpu and each.read]
    if seen:
        nearest = min(seen, key=lambda each: abs(log(each.read / facts.read_per_token)))
        return _end([nearest.bytes_per_s], end)
    return _BANDWIDTH_SHARE[end] * machine.gpu_bandwidth if machine.gpu_bandwidth else None


def _end(measured: Sequence[float], end: int) -> float | None:
    """Return the lower or upper end of a range around what was measured; None if nothing was."""
    if not measured:
        return None
    return (1 + _MARGIN) * max(measured) if end else (1 - _MARGIN) * min(measured)
