"""What a user wants of loading, as far as r1local doesn't decide it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from r1local.config.loading_options import KVType, Numa, SplitMode
from r1local.config.number_kinds import UNBOUNDED
from r1local.config.options import check, in_group
from r1local.config.preferences import Settings
from r1local.machine.request import PlanRequest


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What the user wants of loading; None means that r1local decides.

    `sequences` is the number of replies that can be decoded at once, `template_arguments` are
    values for the chat template's variables, `draft_model` the file of a smaller model that drafts:
    the one that `draft` names or, if that is "auto", one to use if that costs no context and no
    layers on GPUs. The others are called as their options.
    """

    context: int | None = None
    gpu_layers: int | None = None
    threads: int | None = None
    prompt_threads: int | None = None
    kv_cache: KVType = "f16"
    draft: str = "auto"
    draft_model: Path | None = None
    chat_template: Path | None = None
    sequences: int = 1
    template_arguments: Mapping[str, object] = field(default_factory=dict)
    cpu_moe: bool | None = None
    cpu_moe_layers: int | None = None
    devices: tuple[str, ...] | None = None
    split_mode: SplitMode = "layer"
    tensor_split: tuple[float, ...] | None = None
    main_gpu: int | None = None
    rpc: tuple[str, ...] | None = None
    mlock: bool = False
    no_mmap: bool = False
    numa: Numa = "off"

    def __post_init__(self) -> None:
        check("context", self.context)
        check("gpu-layers", self.gpu_layers)
        check("threads", self.threads)
        check("prompt-threads", self.prompt_threads)

    @property
    def request(self) -> PlanRequest:
        """The options that concern memory."""
        return PlanRequest(
            self.context,
            self.gpu_layers,
            self.kv_cache,
            self.sequences,
            self._cpu_experts,
            self.devices,
            self.tensor_split,
            self.split_mode,
            self.main_gpu,
        )

    @property
    def _cpu_experts(self) -> int | None:
        if self.cpu_moe is None:
            return self.cpu_moe_layers
        return UNBOUNDED if self.cpu_moe else 0


def load_options(settings: Settings) -> LoadOptions:
    """Return the options of loading from the settings in force."""
    names = {option.field or option.key: option.name for option in in_group("loading")}
    return LoadOptions(**{k: settings[n].value for k, n in names.items() if n in settings})
