"""`r1local bench`: how fast a model is on this machine."""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, assert_never

from r1local.commands.model_choice import choose_file
from r1local.config.options import ModelFormat
from r1local.config.preferences import settings_in_force
from r1local.config.user_files import replace_text
from r1local.errors import EXIT_OK, BenchmarkError, UsageError
from r1local.events.benchmark import Figure, LeftOut, Step
from r1local.gguf.file import read_gguf
from r1local.language import _, reason_of
from r1local.measuring import llama_bench, records
from r1local.measuring.benchmark import QUICK, Benchmark, Work
from r1local.models.draft_choice import loading_of
from r1local.models.selection import Selected
from r1local.replies.interruption import Interruption, interruptible
from r1local.ui.benchmarks.plot import print_plot
from r1local.ui.benchmarks.svg import svg
from r1local.ui.benchmarks.table import described, print_figures
from r1local.ui.console import console_for, print_error, print_notice
from r1local.ui.progress import working
from r1local.ui.safe_text import visible_json

#: Options of loading that make no difference to the speed.
_NO_MATTER = frozenset({"chat-template", "template-arg"})


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """The arguments of `bench`.

    Args:
        model: a reference; None means the model that `run` would take.
        quick: measure less.
        runs, minutes: the most runs of a figure, and minutes altogether, if they are given.
        compare: have llama-bench do the same work.
        svg: a file for the plot.
        given: options of loading, by name.
    """

    model: str | None
    quick: bool
    runs: int | None
    minutes: float | None
    compare: bool
    svg: Path | None
    output_format: ModelFormat
    given: Mapping[str, Any]

    @property
    def work(self) -> Work:
        """How much to measure."""
        work = QUICK if self.quick else Work()
        seconds = work.seconds if self.minutes is None else self.minutes * 60
        return replace(work, runs=self.runs or work.runs, seconds=seconds)


@dataclass(slots=True)
class _Results:
    """What has been measured so far."""

    figures: list[Figure] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    others: Sequence[Figure] = ()


def bench(options: BenchOptions) -> int:
    """Measure a model and print its figures on stdout; return the exit code.

    Ctrl-C ends it and keeps what was measured.

    Raises:
        UsageError: there is no llama-bench to compare with, or --svg can't be a file.
        R1LocalError: the model can't be loaded, or llama.cpp fails.
    """
    program = llama_bench.find_program() if options.compare else None
    if options.svg:
        _check_place(options.svg)
    model = choose_file(options.model)
    err = console_for(sys.stderr)
    if model.note:
        print_notice(err, model.note)
    loading = loading_of(model, settings_in_force(options.given, model.preferred))
    results = _Results()
    with interruptible() as interruption:
        benchmark = Benchmark(model.path, loading, options.work, interruption)
        _measure(benchmark, results)
        settings = benchmark.settings
        if settings and options.given.keys() <= _NO_MATTER:
            records.keep(read_gguf(model.path), settings.gpu_layers, results.figures)
        if settings and program and not interruption.cancelled():
            results.others = _compared(program, model, benchmark, results, interruption)
    _show(model, options, results, complete=not interruption.cancelled())
    return interruption.exit_code if interruption.cancelled() else EXIT_OK


def _measure(benchmark: Benchmark, results: _Results) -> None:
    """Collect the figures, and say on stderr what is being measured."""
    with working(sys.stderr) as tell, closing(benchmark.events()) as events:
        for event in events:
            match event:
                case Step(words):
                    tell(words)
                case Figure():
                    results.figures.append(event)
                case LeftOut():
                    results.left_out.append(event)
                case _:
                    assert_never(event)


def _compared(
    program: Path,
    model: Selected,
    benchmark: Benchmark,
    results: _Results,
    interruption: Interruption,
) -> Sequence[Figure]:
    """Let llama-bench do the same work; if it fails, say so, since the rest is measured."""
    assert benchmark.settings
    try:
        with working(sys.stderr) as tell:
            tell("llama-bench")
            return llama_bench.compare(
                program,
                model.path,
                benchmark.settings,
                results.figures,
                benchmark.tokens,
                interruption.cancelled,
            )
    except BenchmarkError as error:
        print_error(sys.stderr, error.message, error.hint)
        return ()


def _show(model: Selected, options: BenchOptions, results: _Results, *, complete: bool) -> None:
    figures, others = results.figures, results.others
    _print(model, options, results, complete=complete)
    if options.svg and figures:
        title = f"{model.name}{f' · {model.quantization}' if model.quantization else ''}"
        _write(options.svg, svg(title, figures, others))


def _print(model: Selected, options: BenchOptions, results: _Results, *, complete: bool) -> None:
    figures, others = results.figures, results.others
    if options.output_format == "json":
        print(visible_json(json.dumps(_described(model, results, complete), ensure_ascii=False)))
        return
    out, err = console_for(sys.stdout), console_for(sys.stderr)
    if figures:
        print_figures(out, figures, others)
        print_plot(out, figures, others)
    for each in results.left_out:
        print_notice(err, _("not measured: {what}: {why}", what=each.what, why=each.why))
    if not complete:
        told = (
            _("these are the figures until then")
            if figures
            else _("nothing was measured until then")
        )
        print_notice(err, _("interrupted: {told}", told=told))


def _described(model: Selected, results: _Results, complete: bool) -> dict[str, object]:
    """Return everything as a JSON object."""
    return {
        "model": model.name,
        "path": str(model.path),
        "quantization": model.quantization,
        "complete": complete,
        "figures": [described(figure) for figure in results.figures],
        "llama_bench": [described(figure) for figure in results.others],
        "left_out": [{"what": each.what, "why": each.why} for each in results.left_out],
    }


def _check_place(path: Path) -> None:
    """Refuse a place where no file can be, before minutes are spent on measuring."""
    if path.is_dir():
        raise UsageError(_("{path} is a folder", path=path), _("give a file's name for --svg"))
    if not path.parent.is_dir():
        told = _("there is no folder {folder}", folder=path.parent)
        raise UsageError(told, _("choose another file for --svg"))


def _write(path: Path, text: str) -> None:
    """Write the plot to a file.

    Raises:
        BenchmarkError: it can't be written.
    """
    try:
        replace_text(path, text)
    except OSError as error:
        told = _("{path} can't be written: {reason}", path=path, reason=reason_of(error))
        raise BenchmarkError(told, _("choose another file for --svg")) from error
