"""What of a model fits where in a machine's memory, and how its GPUs share it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from r1local.engine.limits import CONTEXT_STEP
from r1local.machine.memory import (
    Machine,
    MemoryFacts,
    Placement,
    compute_bytes,
    cpu_bytes,
    cpu_read_per_token,
    layers_on_gpus,
    pipeline_bytes,
)
from r1local.machine.request import PlanRequest
from r1local.machine.split import fill, holds, split_by_shares, split_evenly


class Fitting:
    """A model and the memory that it may use.

    Args:
        facts: the model.
        machine: the memory, with only the GPUs that the model may use.
        request: what the user wants of it.
    """

    def __init__(self, facts: MemoryFacts, machine: Machine, request: PlanRequest) -> None:
        self._facts = facts
        self._machine = machine
        self._request = request
        self.layers = len(facts.layers) + 1
        self._in_rows = request.split_mode in ("row", "tensor")

    def fits(self, place: Placement, tokens: int) -> bool:
        """Tell whether memory holds the model, so placed, with a KV cache of `tokens` tokens."""
        on_cpu = cpu_bytes(self._facts, place, tokens, self._request.kv_cache)
        if place.gpu_layers and self._machine.shared:
            on_cpu += sum(self._offloaded(place, tokens)) + compute_bytes(self._facts, tokens)
        return on_cpu <= self._machine.memory and self._held(place, tokens)

    def shares(self, place: Placement, tokens: int) -> tuple[float, ...]:
        """Return how much each GPU takes, in proportion; empty to leave that to llama.cpp."""
        if not place.gpu_layers:
            return ()
        sizes, rooms = self._offloaded(place, tokens), self._rooms(place, tokens)
        if self._in_rows or self._request.tensor_split:
            return self._division(sizes, rooms) or ()
        return split_evenly(sizes, rooms) or ()

    def context_bytes(self, place: Placement, tokens: int) -> int:
        """Return the bytes of the CPU's memory that a context takes."""
        empty = replace(self._facts, weights=0, layers=(0,) * len(self._facts.layers), experts=())
        return cpu_bytes(empty, Placement(place.gpu_layers), tokens, self._request.kv_cache)

    def best(self, tokens: int) -> Placement:
        """Return the placement for which the CPU reads least, of those that the GPUs hold."""
        asked = self._request.cpu_experts
        whole_layers = self._most_layers(asked or 0, tokens)
        if asked is not None or not self._facts.experts:
            return whole_layers
        fewest = self.of_layers(self.layers, tokens)
        apart = fewest if fewest.cpu_experts else self._most_layers(self.layers - 1, tokens)
        return min(whole_layers, apart, key=lambda place: cpu_read_per_token(self._facts, place))

    def of_layers(self, layers: int, tokens: int) -> Placement:
        """Place `layers` layers on GPUs, without the experts of the first ones if they must."""
        if (asked := self._request.cpu_experts) is not None:
            return Placement(layers, asked)
        most = len(self._facts.experts)
        fewest = first_false(
            lambda count: not self._held(Placement(layers, count), tokens), most + 1
        )
        return Placement(layers, fewest if fewest <= most else 0)

    def _most_layers(self, cpu_experts: int, tokens: int) -> Placement:
        """Place as many layers on the GPUs as they hold, other than the whole model."""
        count = first_false(
            lambda layers: self._held(Placement(layers, cpu_experts), tokens), self.layers
        )
        return Placement(count - 1, cpu_experts if count > 1 else 0)

    def _held(self, place: Placement, tokens: int) -> bool:
        """Tell whether the GPUs hold their part."""
        if not place.gpu_layers:
            return True
        return (
            self._division(self._offloaded(place, tokens), self._rooms(place, tokens)) is not None
        )

    def _offloaded(self, place: Placement, tokens: int) -> list[int]:
        return layers_on_gpus(self._facts, place, tokens, self._request.kv_cache)

    def _rooms(self, place: Placement, tokens: int) -> list[int]:
        """Return the bytes of each GPU beside its work space."""
        taken = compute_bytes(self._facts, tokens)
        in_turn = not self._in_rows and len(self._machine.gpus) > 1
        if in_turn and place == Placement(self.layers):
            taken += pipeline_bytes(self._facts, tokens)
        return [max(0, free - taken) for free in self._machine.gpus]

    def _division(self, sizes: Sequence[int], rooms: Sequence[int]) -> tuple[float, ...] | None:
        """Return how much of some layers each GPU takes, or None if they don't hold them."""
        asked = self._request.tensor_split or ()
        shares = [*asked, *(0.0 for _ in rooms[len(asked) :])][: len(rooms)]
        if self._in_rows:
            return _rows(sum(sizes), shares if any(shares) else rooms, rooms)
        if not any(shares):
            return fill(sizes, rooms)
        counts = split_by_shares(len(sizes), shares)
        return counts if holds(sizes, counts, rooms) else None


def _rows(size: int, shares: Sequence[float], rooms: Sequence[int]) -> tuple[float, ...] | None:
    """Divide `size` bytes of matrices by their rows."""
    total = sum(shares)
    fits = all(size * share <= room * total for share, room in zip(shares, rooms, strict=True))
    return tuple(shares) if total and fits else None


def largest(wanted: int, fits: Callable[[int], bool]) -> int:
    """Return the largest context that fits: `wanted`, or a multiple of 256, or 0 if none does.

    Args:
        fits: once it is False, it stays False for more tokens.
    """
    if fits(wanted):
        return wanted
    steps = first_false(lambda step: fits(step * CONTEXT_STEP), wanted // CONTEXT_STEP + 1)
    return max(0, steps - 1) * CONTEXT_STEP


def first_false(holds: Callable[[int], bool], end: int) -> int:
    """Return the smallest number for which `holds` is False, starting at 0 and ending at `end`."""
    low, high = 0, end
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if holds(middle) else (low, middle)
    return low
