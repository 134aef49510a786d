"""Whether the embedded model loads and calculates rightly: on the CPU, and on each GPU."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from r1local.diagnosis import self_test_process
from r1local.diagnosis.children import Died, result_of
from r1local.diagnosis.self_test_process import QUESTION, RESULT
from r1local.engine.build import Build, Device
from r1local.engine.installation import reinstall_command
from r1local.events.finding import Finding, broken, ok
from r1local.language import _
from r1local.models.catalog import EMBEDDED_MODEL, load_catalog

_AREA = "self-test"
#: Seconds for a reply that takes less than one; drivers of GPUs start slowly.
_PATIENCE_S = 60.0
_WITHOUT_GPU = "r1local config set gpu-layers 0"


def self_test(build: Build | Died) -> Iterator[Finding]:
    """Yield the outcome on the CPU, and on each GPU that llama.cpp can use."""
    model = load_catalog().models[EMBEDDED_MODEL].path or Path()
    yield _tried(model)
    for number, device in enumerate(() if isinstance(build, Died) else build.devices):
        yield _tried(model, number, device)


def _tried(model: Path, number: int | None = None, device: Device | None = None) -> Finding:
    arguments = [str(model), *([] if number is None else [str(number)])]
    told = result_of(self_test_process.__name__, *arguments, seconds=_PATIENCE_S)
    where = f"{device.name} ({device.backend})" if device else _("the CPU")
    return judged(told, where, on_gpu=device is not None)


def judged(told: dict[str, Any] | Died, where: str, *, on_gpu: bool) -> Finding:
    """Return what is to say of a self-test on a device."""
    command = _WITHOUT_GPU if on_gpu else reinstall_command()
    hint = _("use the CPU for now, and update the driver") if on_gpu else _("build llama.cpp again")
    if isinstance(told, Died):
        text = _("on {where}, llama.cpp {why}", where=where, why=told.why)
        return broken(_AREA, text, command, hint, facts={"device": where})
    if "error" in told:
        text = _(
            "on {where}: {error} ({hint})", where=where, error=told["error"], hint=told["hint"]
        )
        return broken(_AREA, text, command, hint, facts={"device": where})
    speed = _(
        "{tokens_per_s:,.0f} tokens/s on {where}", tokens_per_s=told["tokens_per_s"], where=where
    )
    facts = {"device": where, **told, "right": _is_right(told["answer"])}
    if not facts["right"]:
        text = _(
            "{question} gets a wrong answer on {where}: {answer!r}",
            question=QUESTION,
            where=where,
            answer=told["answer"],
        )
        return broken(_AREA, text, command, hint, facts=facts)
    sum_ = f"{QUESTION.removeprefix('What is ').removesuffix('?')} = {RESULT}"
    return ok(
        _AREA,
        _(
            "{sum} · loaded in {load_s:.1f} s · {speed}",
            sum=sum_,
            load_s=told["load_s"],
            speed=speed,
        ),
        facts=facts,
    )


def _is_right(answer: str) -> bool:
    return re.search(rf"\b{RESULT}\b", answer) is not None
