"""The same work, done by llama.cpp's own program `llama-bench`."""

import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from r1local.engine.amx import leave_out_broken_amx
from r1local.engine.limits import BATCH_TOKENS
from r1local.engine.load_settings import LoadSettings
from r1local.errors import BenchmarkError, UsageError
from r1local.events.benchmark import Figure, FigureKind
from r1local.language import _, reason_of
from r1local.machine.programs import how_ended

_PROGRAM = "llama-bench"
_POLL_INTERVAL_S = 0.05
_LAST_WORDS = 300


def find_program() -> Path:
    """Return the path of llama-bench.

    Raises:
        UsageError: it is not on the PATH.
    """
    if found := shutil.which(_PROGRAM):
        return Path(found)
    raise UsageError(
        _("--compare needs {program}, which is not on the PATH", program=_PROGRAM),
        _("build it with llama.cpp, and add its folder: PATH=/path/to/llama.cpp/build/bin:$PATH"),
    )


def compare(
    program: Path,
    model: Path,
    settings: LoadSettings,
    figures: Sequence[Figure],
    tokens: tuple[int, int],
    cancelled: Callable[[], bool],
) -> list[Figure]:
    """Let llama-bench measure prompts and generation as they were measured.

    It is run with and without flash attention, and the faster of the two counts.

    Args:
        program: llama-bench.
        settings: what the model was loaded with.
        figures: what was measured: the depths and the number of runs are taken from them.
        tokens: tokens of the prompt, and tokens generated.
        cancelled: called meanwhile; True ends the program, and what it has measured is returned.

    Raises:
        BenchmarkError: the program fails.
    """
    measured = [figure for figure in figures if figure.kind in ("prompt", "generation")]
    if not measured:
        return []
    runs = int(statistics.median(len(figure.runs) for figure in measured))
    depths = sorted({figure.at for figure in measured})
    command = [str(program), *_arguments(model, settings, runs, depths, tokens)]
    return _fastest(_figures(_output(command, cancelled)))


def _arguments(
    model: Path, settings: LoadSettings, runs: int, depths: Sequence[int], tokens: tuple[int, int]
) -> list[str]:
    prompt, generated = map(str, tokens)
    kv_type, batch = settings.kv_cache, str(BATCH_TOKENS)
    # Quantized KV caches need flash attention.
    attention = "0,1" if kv_type == "f16" else "1"
    layers = 999 if settings.gpu_layers < 0 else settings.gpu_layers
    return [
        *("-m", str(model), "-o", "jsonl", "-r", str(runs)),
        *("-p", prompt, "-n", generated, "-d", ",".join(map(str, depths))),
        *("-t", str(settings.threads), "-ngl", str(layers)),
        *("-b", batch, "-ub", batch, "-ctk", kv_type, "-ctv", kv_type, "-fa", attention),
        *(["--repack", "0"] if leave_out_broken_amx() else []),
    ]


def _output(command: Sequence[str], cancelled: Callable[[], bool]) -> list[str]:
    """Return the lines that a program prints until it ends or is cancelled."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        except OSError as error:
            raise _failed(reason_of(error)) from error
        try:
            while process.poll() is None and not cancelled():
                time.sleep(_POLL_INTERVAL_S)
        finally:
            process.kill()
            code = process.wait()
        out.seek(0)
        err.seek(0)
        if code and not cancelled():
            last = err.read().decode("utf-8", "replace").strip()[-_LAST_WORDS:]
            ended = how_ended(code)
            raise _failed(f"{ended}: {last}" if last else ended)
        return out.read().decode("utf-8", "replace").splitlines()


def _figures(lines: Sequence[str]) -> Iterator[Figure]:
    """Yield the figures in llama-bench's JSON lines; a last line that was cut is left out."""
    for line in lines:
        try:
            test: dict[str, Any] = json.loads(line)
            runs = tuple(float(value) for value in test["samples_ts"] if value > 0)
            if runs:
                kind: FigureKind = "prompt" if test["n_prompt"] else "generation"
                yield Figure(kind, runs, int(test["n_depth"]))
        except ValueError:
            continue
        except (KeyError, TypeError) as error:
            raise _failed(_("its output is not that of a version that r1local knows")) from error


def _fastest(figures: Iterator[Figure]) -> list[Figure]:
    best: dict[tuple[str, int], Figure] = {}
    for figure in figures:
        key = (figure.kind, figure.at)
        if key not in best or figure.median > best[key].median:
            best[key] = figure
    return list(best.values())


def _failed(why: str) -> BenchmarkError:
    return BenchmarkError(
        _("{program} failed: {why}", program=_PROGRAM, why=why),
        _("try it by itself, or leave out --compare"),
    )
