"""Where a model runs and with how much context, decided by one rule.

What `list`, `show` and `pull` announce is what loading does, because all of them ask here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, TypeAlias

from r1local.config.replying_options import MAX_TOKENS
from r1local.engine.limits import BATCH_TOKENS, CONTEXT_STEP, KV_CACHE_TYPES, outputs_of
from r1local.errors import InvalidSetting
from r1local.events.reply import Notice
from r1local.gguf.file import GGML_TYPES
from r1local.language import _
from r1local.machine.fitting import Fitting, largest
from r1local.machine.memory import (
    BATCH_STEP,
    Machine,
    MemoryFacts,
    Placement,
    context_bytes,
    gpu_bytes,
    kv_cache_bytes,
    memory_bytes,
    plain_batch,
    scores_bytes,
)
from r1local.machine.request import (
    NO_REQUEST,
    PlanRequest,
    chosen,
    refused_devices,
    without_effect,
)
from r1local.units import memory_size

__all__ = [
    "NO_REQUEST",
    "FitKind",
    "Plan",
    "PlanRequest",
    "default_context",
    "plan",
    "retreat",
]

#: Where a model runs: entirely on GPUs, partly, on the CPU, or not in this machine's memory.
FitKind: TypeAlias = Literal["GPU", "GPU+CPU", "CPU", "no"]

SMALLEST_CONTEXT = 512
#: The context, in tokens, that takes precedence over more layers on a GPU.
USEFUL_CONTEXT = 4_096
#: Tokens of the KV cache for each reply after the first where several are decoded at once. R1's
#: replies to hard problems are sometimes longer, and then some of them wait.
_TOKENS_A_REPLY = 8_192
#: The most sequences in a KV cache for which plain attention is no slower on the CPU at any
#: length: for each sequence it computes the scores of the tokens of all sequences.
_PLAIN_SEQUENCES = 8
#: Tokens at once for which plain attention reads prompts as fast as with more (docs/benchmarks.md),
#: and the share of the memory needed that their scores may take beyond it.
_FAST_BATCH, _SPARE_SHARE = 64, 0.045
#: Share of the memory that was too much with which loading is tried once more.
_SECOND_TRY = 0.75


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a model runs, with how much context, and why, in words.

    Args:
        kind: where it runs; "no" if more memory is needed than is free.
        gpu_layers: how many of the `layers` are on GPUs.
        layers: layers that can be offloaded, including the output layer.
        context_window: tokens that a prompt and its reply may have together.
        kv_tokens: tokens that the KV cache holds for all sequences together.
        micro_batch: tokens computed at once.
        flash_attention: whether llama.cpp's flash attention is used.
        passing_tokens: tokens for which memory has room twice, to pass from flash attention to
            plain attention; 0 where flash attention is used, or always was.
        useful: whether memory holds the model with a useful context.
        reason: why it runs there.
        notices: what the user should know when the model is loaded in this way.
        refusal: why loading it in this way is refused, if it is.
        cpu_experts: of how many layers, from the first, the experts stay with the CPU.
        devices: the devices to offload to; None means all of llama.cpp's.
        shares: how much of the model each of them takes, in proportion; empty to let llama.cpp
            divide it by free memory.
        context_bytes: what the context takes of the CPU's memory.
        draft: where the smaller model runs that drafts, if there is one.
    """

    kind: FitKind
    gpu_layers: int
    layers: int
    context_window: int
    kv_tokens: int
    micro_batch: int
    flash_attention: bool
    passing_tokens: int
    useful: bool
    reason: str
    notices: tuple[Notice, ...] = ()
    refusal: InvalidSetting | None = None
    cpu_experts: int = 0
    devices: tuple[str, ...] | None = None
    shares: tuple[float, ...] = ()
    # It follows from the rest and the vocabulary, so it makes no other plan.
    context_bytes: int = field(default=0, compare=False)
    draft: "Plan | None" = None

    @property
    def all_on_gpu(self) -> bool:
        """Whether everything is offloaded, including the output layer and all experts."""
        return self.gpu_layers == self.layers and not self.cpu_experts

    @property
    def placement(self) -> Placement:
        """What is on GPUs."""
        return Placement(self.gpu_layers, self.cpu_experts)


def default_context(facts: MemoryFacts) -> int:
    """Return the longest recommended reply, limited to the model's trained context."""
    return min(MAX_TOKENS, facts.context_length or MAX_TOKENS)


def plan(facts: MemoryFacts, machine: Machine, request: PlanRequest = NO_REQUEST) -> Plan:
    """Decide where a model runs and with how much context.

    The whole model goes to the GPUs where that leaves a useful context, or else as many layers
    as they hold, or else the CPU. Of a mixture of experts all but some layers' experts go there if
    the CPU then has less to read for a token. A context that nobody asked for is reduced, down to
    4,096 tokens, before layers are left out. A draft model runs as a whole where there is room, and
    its memory is set aside first.
    """
    alone = _Planner(facts, machine, request).plan()
    return _beside_draft(facts, machine, request, alone) if request.draft else alone


def retreat(
    facts: MemoryFacts, machine: Machine, request: PlanRequest, failed: Plan
) -> Plan | None:
    """Return a plan that takes notably less memory than one that failed; None if there is none.

    What was on GPUs takes three quarters of the memory, or none; on the CPU the context is halved.
    """
    if failed.gpu_layers:
        needed = gpu_bytes(facts, failed.placement, failed.kv_tokens, request.kv_cache)
        share = _SECOND_TRY * min(1.0, needed / max(1, sum(machine.gpus)))
        less = replace(machine, gpus=tuple(int(free * share) for free in machine.gpus))
        made = plan(facts, less, replace(request, gpu_layers=None, cpu_experts=None))
        made = made if made.gpu_layers else replace(made, devices=())
    elif (half := failed.context_window // 2 // CONTEXT_STEP * CONTEXT_STEP) >= SMALLEST_CONTEXT:
        made = plan(facts, machine, replace(request, context=half))
    else:
        return None
    return None if made.refusal else made


def _beside_draft(facts: MemoryFacts, machine: Machine, request: PlanRequest, alone: Plan) -> Plan:
    """Plan a model beside its draft model, which gets the same context.

    On GPUs it is where there is most room, if that is twice what it takes: it is read more often
    than the model, but each token of the model reads more.
    """
    assert request.draft
    context = min(alone.context_window, request.draft.context_length or alone.context_window)
    there = chosen(machine, request)
    roomiest = max(range(len(there.gpus)), key=there.gpus.__getitem__, default=None)
    needed = memory_bytes(request.draft, context)
    on_gpu = roomiest is not None and alone.gpu_layers and 2 * needed <= there.gpus[roomiest]
    place = there.keep([roomiest] if on_gpu and roomiest is not None else [])
    wanted = PlanRequest(context, -1) if on_gpu else PlanRequest(context, devices=())
    draft = _Planner(request.draft, place, wanted).plan()
    made = _Planner(facts, _without(machine, place, needed), request).plan()
    return replace(made, draft=draft)


def _without(machine: Machine, place: Machine, taken: int) -> Machine:
    """Return a machine less some bytes of a device, or of the CPU's memory."""
    gpus = list(machine.gpus)
    if place.gpus:
        same = (place.devices or (None,))[0]
        number = machine.devices.index(same) if same else machine.gpus.index(place.gpus[0])
        gpus[number] -= taken
    in_memory = not place.gpus or machine.shared
    memory = max(0, machine.memory - taken) if in_memory else machine.memory
    return replace(machine, memory=memory, gpus=tuple(gpus))


class _Planner:
    def __init__(self, facts: MemoryFacts, machine: Machine, request: PlanRequest) -> None:
        self._facts = facts = replace(facts, outputs=outputs_of(request.sequences))
        self._all = machine
        self._asked = request
        if request.cpu_experts:
            request = replace(request, cpu_experts=min(request.cpu_experts, len(facts.experts)))
        self._machine = chosen(machine, request)
        self._request = request
        self._fitting = Fitting(facts, self._machine, request)
        self._fits = self._fitting.fits
        self._wanted = request.context or default_context(facts)
        self._layers = len(facts.layers) + 1
        self._gpu = sum(self._machine.gpus)

    def plan(self) -> Plan:
        place, window = self._place()
        kv_tokens = self._kv_tokens(place, window)
        plain = 0 if place.gpu_layers else self._plain_batch(kv_tokens)
        batch = self._larger_batch(kv_tokens, plain) if plain else BATCH_TOKENS
        kind = self._kind(place, window)
        return Plan(
            kind=kind,
            gpu_layers=place.gpu_layers,
            layers=self._layers,
            context_window=window,
            kv_tokens=kv_tokens,
            micro_batch=batch,
            flash_attention=not plain,
            passing_tokens=self._passing_tokens(kv_tokens, batch - plain) if plain else 0,
            useful=kind != "no" and window >= min(self._wanted, USEFUL_CONTEXT),
            reason=self._reason(kind, place, window),
            notices=tuple(self._notices(kind, place, window, kv_tokens)),
            refusal=refused_devices(self._all, self._request) or self._refusal(place),
            cpu_experts=place.cpu_experts,
            devices=self._devices(),
            shares=self._fitting.shares(place, kv_tokens),
            context_bytes=self._fitting.context_bytes(place, kv_tokens),
        )

    def _place(self) -> tuple[Placement, int]:
        """Return what goes to GPUs, and the context window."""
        if not self._gpu:
            return Placement(0), self._window(partial(self._fits, Placement(0)))
        place = self._fitting.best
        if (asked := self._request.gpu_layers) is not None:
            layers = self._layers if asked < 0 else min(asked, self._layers)
            place = partial(self._fitting.of_layers, layers)
        else:
            least = self._request.context or min(self._wanted, USEFUL_CONTEXT)
            whole = Placement(self._layers, self._request.cpu_experts or 0)
            if self._fits(whole, least):
                return whole, self._window(partial(self._fits, whole))
        window = self._window(lambda tokens: self._fits(place(tokens), tokens))
        return place(window), window

    def _devices(self) -> tuple[str, ...] | None:
        """Return the devices to name to llama.cpp: all there are, unless the user chose."""
        if self._machine.devices or self._request.devices is not None:
            return tuple(device.name for device in self._machine.devices)
        return None

    def _window(self, fits: Callable[[int], bool]) -> int:
        """Return the context asked for, or the largest one that fits, at least 512 tokens."""
        if self._request.context:
            return self._request.context
        return max(min(SMALLEST_CONTEXT, self._wanted), largest(self._wanted, fits))

    def _kv_tokens(self, place: Placement, window: int) -> int:
        """Return the KV cache of several replies: one may fill its context, the others share."""
        others = self._request.sequences - 1
        wanted = window + others * min(window, _TOKENS_A_REPLY)
        return max(window, largest(wanted, partial(self._fits, place)))

    def _plain_batch(self, kv_tokens: int) -> int:
        """Return how many tokens to compute at once without flash attention on the CPU, or 0.

        0 means with flash attention, llama.cpp's own choice: there it costs more than half of the
        speed when the context fills (docs/benchmarks.md), but skips the tokens of other sequences.
        """
        request = self._request
        if request.sequences > _PLAIN_SEQUENCES or request.kv_cache != "f16":
            return 0
        return 0 if self._facts.latent_attention else plain_batch(self._facts, kv_tokens)

    def _larger_batch(self, kv_tokens: int, plain: int) -> int:
        """Return a batch in which prompts are read faster, if memory has room for its scores."""
        needed = self._needed(kv_tokens)
        spare = max(0, min(self._machine.memory - needed, int(_SPARE_SHARE * needed)))
        more = spare // scores_bytes(self._facts, 1, kv_tokens)
        return max(plain, min(_FAST_BATCH, plain + more // BATCH_STEP * BATCH_STEP))

    def _passing_tokens(self, kv_tokens: int, more: int) -> int:
        """Return how many tokens can pass from one attention's context to the other's.

        `more` are the tokens by which the batch is larger than planned for.
        Meanwhile there is a copy of their KV cache. It may take what is free beside the plan, and
        no more than the scores for which plain attention gets smaller batches than llama.cpp's own.
        """
        scores = scores_bytes(self._facts, more, kv_tokens)
        free = self._machine.memory - self._needed(kv_tokens) - scores
        spared = scores_bytes(self._facts, BATCH_TOKENS, kv_tokens)
        a_token = kv_cache_bytes(self._facts, 1)
        tokens = max(0, min(free, spared)) // a_token if a_token else 0
        return min(kv_tokens, tokens) // CONTEXT_STEP * CONTEXT_STEP

    def _kind(self, place: Placement, window: int) -> FitKind:
        if not self._fits(place, window):
            return "no"
        if place == Placement(self._layers):
            return "GPU"
        return "GPU+CPU" if place.gpu_layers else "CPU"

    def _free(self, place: Placement) -> int:
        """Return the free bytes where the model would run."""
        if place == Placement(self._layers):
            return self._gpu
        return self._machine.all_memory if place.gpu_layers else self._machine.memory

    def _needed(self, tokens: int) -> int:
        return memory_bytes(self._facts, tokens, self._request.kv_cache)

    def _reason(self, kind: FitKind, place: Placement, window: int) -> str:
        free = _("{memory_size} free", memory_size=memory_size(self._free(place)))
        if kind == "no":
            return _(
                "needs {memory_size} ({free})",
                memory_size=memory_size(self._needed(window)),
                free=free,
            )
        if kind == "GPU":
            return _("all on the GPU ({free})", free=free)
        if kind == "GPU+CPU":
            return self._partly(place)
        return _("on the CPU ({free})", free=free)

    def _partly(self, place: Placement) -> str:
        layers = _(
            "{gpu_layers} of {layers} layers on the GPU",
            gpu_layers=place.gpu_layers,
            layers=self._layers,
        )
        if place.cpu_experts:
            layers += _(", the experts of {cpu_experts} on the CPU", cpu_experts=place.cpu_experts)
        return _("{layers} ({gpu} free)", layers=layers, gpu=memory_size(self._gpu))

    def _notices(
        self, kind: FitKind, place: Placement, window: int, kv_tokens: int
    ) -> list[Notice]:
        vain = without_effect(self._all, self._asked, bool(self._facts.experts))
        notices = [Notice("offload", each) for each in vain]
        if offload := self._offload_notice(kind, place):
            notices.append(Notice("offload", offload))
        notices += [Notice("context", each) for each in self._context_notices(kind, place, window)]
        sequences = self._request.sequences
        if kv_tokens < window + (sequences - 1) * min(window, _TOKENS_A_REPLY):
            room = _(
                "memory has room for {kv_tokens:,} tokens of {sequences} replies at once",
                kv_tokens=kv_tokens,
                sequences=sequences,
            )
            notices.append(
                Notice("context", _("{room}: if they get longer, some of them wait", room=room))
            )
        return notices

    def _offload_notice(self, kind: FitKind, place: Placement) -> str | None:
        if not self._gpu:
            if self._all.gpus and not self._machine.gpus:
                return None  # they are left out on request
            if self._request.gpu_layers:
                return _("no GPU to offload to, or a llama.cpp built without it: see --version")
            return (
                _("the GPU has no free memory: running on the CPU") if self._machine.gpus else None
            )
        if self._request.gpu_layers is not None or kind == "GPU":
            return None
        if not place.gpu_layers:
            return _("the GPU has too little free memory: running on the CPU")
        return self._partly(place)

    def _context_notices(self, kind: FitKind, place: Placement, window: int) -> list[str]:
        free = memory_size(self._free(place))
        if not self._request.context:
            if window == self._wanted:
                return []
            needed = memory_size(self._needed(self._wanted))
            reduced = _(
                "the context is {window:,} tokens: {wanted:,} need {needed}",
                window=window,
                wanted=self._wanted,
                needed=needed,
            )
            return [_("{reduced} with the model, and {free} are free", reduced=reduced, free=free)]
        notices = []
        if kind == "no":
            needed = _(
                "{memory_size} are needed and {free} free",
                memory_size=memory_size(self._needed(window)),
                free=free,
            )
            notices.append(
                _("{needed}: the model is read from the disk again for every token", needed=needed)
            )
        trained = self._facts.context_length
        if trained and window > trained:
            notices.append(
                _(
                    "the model was trained on {trained:,} tokens of context: beyond that it "
                    "may lose the thread",
                    trained=trained,
                )
            )
        return notices

    def _refusal(self, place: Placement) -> InvalidSetting | None:
        """Return why loading what was asked for is refused."""
        facts, context, kv_cache = self._facts, self._request.context, self._request.kv_cache
        block = GGML_TYPES[KV_CACHE_TYPES[kv_cache]].block_size
        if any(length % block for length in facts.head_lengths):
            longest = max(facts.head_lengths)
            return InvalidSetting(
                _(
                    "kv-cache {kv_cache} can't hold this model's heads of {longest} numbers",
                    kv_cache=kv_cache,
                    longest=longest,
                ),
                _("it holds multiples of {block}: leave --kv-cache at f16", block=block),
            )
        if context and facts.positions and context > facts.positions:
            return InvalidSetting(
                _("context {context:,} is out of range", context=context),
                _("the model has {positions:,} positions", positions=facts.positions),
            )
        # The model's file can be read from the disk again and again; the memory beside it can't.
        free = self._free(place)
        if context and (needed := context_bytes(facts, context, kv_cache)) > free:
            return InvalidSetting(
                _(
                    "a context of {context:,} tokens needs {needed}, and {free} are free",
                    context=context,
                    needed=memory_size(needed),
                    free=memory_size(free),
                ),
                _("give a smaller --context, or a smaller --kv-cache"),
            )
        return None
