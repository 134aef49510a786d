"""What a plan says: where a model runs, with how much context, and why."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from r1local.errors import InvalidSetting
from r1local.events.reply import Notice
from r1local.machine.memory import Placement

#: Where a model runs: entirely on GPUs, partly, on the CPU, or not in this machine's memory.
FitKind: TypeAlias = Literal["GPU", "GPU+CPU", "CPU", "no"]


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
