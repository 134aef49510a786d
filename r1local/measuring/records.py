"""The figures that were measured on this machine, kept so that `show` and `list` can tell them.

Each model's are in a file of their own in the cache folder. It is named after what they depend on:
the model's files, the machine and the version of llama.cpp. If one of these changes, the figures
are no longer found.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any, get_args

from r1local.config.paths import cache_folder, is_missing
from r1local.config.user_files import replace_text
from r1local.engine.devices import gpus
from r1local.engine.library import versions
from r1local.events.benchmark import Figure, FigureKind
from r1local.gguf.format import GGUFFile
from r1local.machine import hardware
from r1local.machine.memory import facts_of
from r1local.machine.processor import processor_name
from r1local.machine.speed import Reached

#: Bytes of a record, of which there are about 2,000; what has more is none.
_MOST_BYTES = 100_000
_NO_LAYERS, _ALL_LAYERS = 0, -1
_KINDS = get_args(FigureKind)


@dataclass(frozen=True, slots=True)
class Record:
    """What was measured of a model: its figures, when, and the speed that it reached."""

    figures: tuple[Figure, ...]
    measured: str
    reached: Reached | None


def keep(gguf: GGUFFile, gpu_layers: int, figures: Sequence[Figure]) -> None:
    """Keep a model's figures; those of an earlier benchmark stay unless they are measured again.

    Nothing is kept where the cache folder can't be written.

    Args:
        gguf: the model's file.
        gpu_layers: layers that were on GPUs; -1 means all.
        figures: what was measured with the user's lasting settings.
    """
    earlier = find(gguf.parts)
    kept = {(f.kind, f.at, f.variant): f for f in (*(earlier.figures if earlier else ()), *figures)}
    speed = next((f.median for f in kept.values() if f.kind == "generation" and f.at == 0), None)
    facts = facts_of(gguf)
    reached = None
    if speed and gpu_layers in (_NO_LAYERS, _ALL_LAYERS):  # a mixture tells nothing of either
        reached = Reached(
            facts.read_per_token,
            facts.packed_weights,
            facts.plain_weights,
            speed,
            gpu_layers == _ALL_LAYERS,
            hardware.memory_bandwidth() or 0.0,
        )
    record = Record(tuple(kept.values()), datetime.now(UTC).date().isoformat(), reached)
    data = {"machine": _machine(), **asdict(record)}
    with suppress(OSError):
        path = _path(gguf.parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(data))


def find(files: Sequence[Path]) -> Record | None:
    """Return what was measured of a model's files on this machine, or None."""
    if is_missing(_folder()):  # nothing has been measured yet
        return None
    try:
        return _read(_path(files))
    except OSError:
        return None


def all_reached() -> list[Reached]:
    """Return the speeds that models reached on this machine, with this version of llama.cpp."""
    found = (_read(path) for path in sorted(_folder().glob("*.json")))
    return [record.reached for record in found if record and record.reached]


def _folder() -> Path:
    return cache_folder() / "measured"


def _path(files: Sequence[Path]) -> Path:
    """Return where the figures of a model are kept.

    Raises:
        OSError: one of the model's files has gone.
    """
    import hashlib  # loads OpenSSL

    identity = [
        (str(path.resolve()), status.st_size, status.st_mtime_ns)
        for path, status in ((path, path.stat()) for path in files)
    ]
    text = json.dumps([_machine(), identity])
    return _folder() / f"{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}.json"


@cache
def _machine() -> list[str]:
    """Return what identifies this machine and its llama.cpp."""
    llama = versions()
    names = [gpu.name for gpu in gpus()]
    cores = str(hardware.usable_cores())
    return [processor_name(), cores, *names, llama["llama.cpp"], llama["backends"]]


def _read(path: Path) -> Record | None:
    """Return a record of this machine; None if it is another's, or damaged."""
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(_MOST_BYTES))
        return _record(data) if data["machine"] == _machine() else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _record(data: Any) -> Record:
    """Return a record from its JSON.

    Raises:
        ValueError, TypeError, KeyError: it has another shape.
    """
    reached = data["reached"]
    return Record(
        tuple(_figures(data["figures"])),
        datetime.fromisoformat(data["measured"]).date().isoformat(),
        None if reached is None else _reached(**reached),
    )


def _figures(entries: list[dict[str, Any]]) -> Iterator[Figure]:
    for entry in entries:
        figure = Figure(
            entry["kind"],
            tuple(map(_positive, entry["runs"])),
            _count(entry["at"]),
            str(entry["variant"]),
        )
        if figure.kind not in _KINDS or not figure.runs:
            raise ValueError("not a figure")
        yield figure


def _reached(
    read: object,
    packed: object,
    plain: object,
    tokens_per_s: object,
    on_gpu: object,
    bandwidth: object,
) -> Reached:
    read, packed, plain, bandwidth = map(_count, (read, packed, plain, bandwidth))
    return Reached(read, packed, plain, _positive(tokens_per_s), bool(on_gpu), bandwidth)


def _count(value: object) -> int:
    if (number := _number(value)) < 0:
        raise ValueError("not a count")
    return int(number)


def _positive(value: object) -> float:
    if (number := _number(value)) <= 0:
        raise ValueError("not a speed")
    return number


def _number(value: object) -> float:
    if not isinstance(value, int | float) or not isfinite(value):
        raise ValueError("not a number")
    return float(value)
