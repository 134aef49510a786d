"""`r1local tune`: the fastest settings for a model on this machine."""

import json
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any, assert_never

from r1local.commands.model_choice import choose_file
from r1local.config.editing import set_preference
from r1local.config.options import ModelFormat, option_named
from r1local.config.paths import config_file
from r1local.config.preferences import settings_in_force
from r1local.errors import EXIT_OK, R1LocalError
from r1local.events.benchmark import LeftOut, Step, Trial
from r1local.language import _
from r1local.measuring.tuning import QUICK, Tuning, TuningWork
from r1local.models.load_options import load_options
from r1local.models.selection import Selected
from r1local.replies.interruption import interruptible
from r1local.ui.benchmarks.trials import print_trials
from r1local.ui.console import console_for, print_notice
from r1local.ui.progress import working
from r1local.ui.safe_text import visible_json


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """The arguments of `tune`.

    Args:
        model: a reference; None means the model that `run` would take.
        quick: measure less.
        minutes: the most minutes altogether, if they are given.
        save: write the best values into config.toml.
        given: options of loading that stay as they are, by name.
    """

    model: str | None
    quick: bool
    minutes: float | None
    save: bool
    output_format: ModelFormat
    given: Mapping[str, Any]

    @property
    def work(self) -> TuningWork:
        """How much to measure."""
        work = QUICK if self.quick else TuningWork()
        return work if self.minutes is None else replace(work, seconds=self.minutes * 60)


def tune(options: TuneOptions) -> int:
    """Find the fastest settings of a model and print what each is worth; return the exit code.

    Ctrl-C ends it: what was found is printed, and nothing is saved.

    Raises:
        R1LocalError: the model can't be loaded, llama.cpp fails, or config.toml can't be written.
    """
    model = choose_file(options.model)
    err = console_for(sys.stderr)
    if model.note:
        print_notice(err, model.note)
    loading = load_options(settings_in_force(options.given, model.preferred))
    with interruptible() as interruption:
        tuning = Tuning(model.path, loading, options.given, options.work, interruption)
        trials = _trials(tuning)
        complete = not interruption.cancelled()
    saving = options.save and complete
    if options.output_format == "text" and trials:  # first, since saving may fail
        print_trials(console_for(sys.stdout), trials)
    failure = _save(model, tuning.best) if saving else None
    if options.output_format == "json":
        saved = saving and failure is None
        _print_json(model, trials, tuning.best, complete=complete, saved=saved)
    if failure:
        raise failure
    if options.output_format == "text":
        print_notice(err, _last_words(model, options, tuning.best, complete=complete))
    return EXIT_OK if complete else interruption.exit_code


def _trials(tuning: Tuning) -> list[Trial]:
    """Return the values that were tried; say on stderr what is being measured."""
    trials, left_out = [], []
    err = console_for(sys.stderr)
    with working(sys.stderr) as tell, closing(tuning.events()) as events:
        for event in events:
            match event:
                case Step(words):
                    tell(words)
                case Trial():
                    trials.append(event)
                case LeftOut():
                    left_out.append(event)
                case _:
                    assert_never(event)
    for each in left_out:
        print_notice(err, _("not measured: {what}: {why}", what=each.what, why=each.why))
    return trials


def _save(model: Selected, best: Mapping[str, Any]) -> R1LocalError | None:
    """Write the best values into config.toml; return why that failed, if it did."""
    try:
        for name, value in best.items():
            if value is not None:  # what r1local decides by itself needs no setting
                set_preference(option_named(name), value, model.preference_name)
    except R1LocalError as error:
        return error
    return None


def _print_json(
    model: Selected, trials: list[Trial], best: Mapping[str, Any], *, complete: bool, saved: bool
) -> None:
    described = {
        "model": model.name,
        "path": str(model.path),
        "quantization": model.quantization,
        "complete": complete,
        "saved": saved,
        "best": {option_named(name).key: value for name, value in best.items()},
        "trials": [asdict(trial) for trial in trials],
    }
    print(visible_json(json.dumps(described, ensure_ascii=False)))


def _last_words(
    model: Selected, options: TuneOptions, best: Mapping[str, Any], *, complete: bool
) -> str:
    if not complete:
        return _("interrupted: nothing was saved")
    if options.save and all(value is None for value in best.values()):
        return _("nothing to save: no setting was found to be faster than what r1local decides")
    if options.save:
        return _(
            'saved in {config_file}, for [models."{preference_name}"]',
            config_file=config_file(),
            preference_name=model.preference_name,
        )
    return _("nothing was saved; --save writes the best values to config.toml for this model")
