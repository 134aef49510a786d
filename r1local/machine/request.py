"""What a user asks of loading that concerns memory, and what of it this machine can't do."""

from collections.abc import Iterator
from dataclasses import dataclass

from r1local.config.loading_options import KVType, SplitMode
from r1local.errors import InvalidSetting
from r1local.language import _, _n
from r1local.machine.memory import Machine, MemoryFacts


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What the user asked of loading; None means that the planner decides.

    Args:
        context: tokens of context to make room for.
        gpu_layers: layers to offload; -1 means all.
        kv_cache: element type of the KV cache.
        sequences: replies that can be decoded at once.
        cpu_experts: layers, from the first, whose experts stay with the CPU.
        devices: names of the only devices to offload to, in their order; none to use no GPU.
        tensor_split: how much of the model each of the devices takes, in proportion.
        split_mode: how several devices divide the model.
        main_gpu: number of the only device to offload to, where the model is not divided.
        draft: a smaller model that is loaded as well.
    """

    context: int | None = None
    gpu_layers: int | None = None
    kv_cache: KVType = "f16"
    sequences: int = 1
    cpu_experts: int | None = None
    devices: tuple[str, ...] | None = None
    tensor_split: tuple[float, ...] | None = None
    split_mode: SplitMode = "layer"
    main_gpu: int | None = None
    draft: MemoryFacts | None = None


#: A request that leaves everything to the planner.
NO_REQUEST = PlanRequest()


def chosen(machine: Machine, request: PlanRequest) -> Machine:
    """Return the machine with only those devices that a model may use."""
    there = _named(machine, request)
    if request.split_mode == "none" and there.gpus:
        return there.keep([min(request.main_gpu or 0, len(there.gpus) - 1)])
    return there


def refused_devices(machine: Machine, request: PlanRequest) -> InvalidSetting | None:
    """Return why a choice of devices is refused, if it is."""
    known = {device.name.lower() for device in machine.devices}
    for name in request.devices or ():
        if name.lower() not in known:
            return InvalidSetting(_("there is no device {name}", name=name), _there_are(machine))
    there = _named(machine, request)
    count, shares = len(there.gpus), request.tensor_split
    if shares is not None and not any(shares):
        return InvalidSetting(
            _("{name} gives no device anything", name="tensor-split"),
            _("give one a share above 0"),
        )
    if shares and 0 < count < len(shares):
        many = _(
            "tensor-split has {shares} shares for {devices} devices",
            shares=len(shares),
            devices=count,
        )
        return InvalidSetting(many, _there_are(there))
    if count and (request.main_gpu or 0) >= count:
        number = _("main-gpu {main_gpu} is out of range", main_gpu=request.main_gpu)
        return InvalidSetting(
            number,
            _("it counts from 0 to {count}; {there}", count=count - 1, there=_there_are(there)),
        )
    if request.split_mode == "row" and count < len(machine.gpus):
        return InvalidSetting(
            _("split-mode row uses all GPUs"), _("leave --device out, or give another --split-mode")
        )
    return None


def without_effect(machine: Machine, request: PlanRequest, mixture: bool) -> Iterator[str]:
    """Yield, in words, what was asked for and changes nothing here.

    Args:
        mixture: whether the model has experts.
    """
    count = len(_named(machine, request).gpus)
    if request.cpu_experts and not mixture:
        yield _("the model has no experts: leaving them to the CPU has no effect")
    elif request.cpu_experts and not count:
        yield _("nothing is offloaded: the CPU has the experts in any case")
    several = {
        "--tensor-split": request.tensor_split is not None,
        "--split-mode": request.split_mode != "layer",
        "--main-gpu": request.main_gpu is not None,
    }
    for option, given in several.items():
        if given and count < 2:
            there = _("there is only one") if count else _("there is none")
            yield _(
                "{option} has no effect: it is for several devices, and {there}",
                option=option,
                there=there,
            )
    if request.main_gpu is not None and request.split_mode != "none" and count > 1:
        yield _("--main-gpu has no effect without --split-mode none")


def _named(machine: Machine, request: PlanRequest) -> Machine:
    return machine if request.devices is None else machine.only(request.devices)


def _there_are(machine: Machine) -> str:
    named = [f"{device.name} ({device.description})" for device in machine.devices]
    if named:
        return _n("there is {names}", "there are {names}", len(named), names=", ".join(named))
    return _("llama.cpp finds no device to offload to: r1local --version says how it was built")
