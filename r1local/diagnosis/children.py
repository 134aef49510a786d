"""Running a module of r1local in a process of its own, which llama.cpp may crash."""

import json
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

from r1local.language import _
from r1local.machine.programs import Outcome, how_ended, run_program

_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Died:
    """A process that printed no result, and why, in words."""

    why: str


def result_of(module: str, *arguments: str, seconds: float) -> dict[str, Any] | Died:
    """Run a module that prints a JSON object; return the object.

    The user's own settings are out of its reach: they are judged by themselves.
    """
    with tempfile.TemporaryDirectory() as empty:
        unset = {name: "" for name in os.environ if name.startswith("R1LOCAL_")}
        return _result(module, arguments, seconds, unset | {"XDG_CONFIG_HOME": empty})


def _result(
    module: str, arguments: tuple[str, ...], seconds: float, environment: dict[str, str]
) -> dict[str, Any] | Died:
    # -P: no file in the current folder can be mistaken for a module.
    command = [sys.executable, "-P", "-m", module, *arguments]
    outcome = run_program(command, seconds, environment | {"GGML_NO_BACKTRACE": "1"})
    if outcome is None:
        return Died(_("no process can be started"))
    if outcome.code is None:
        return Died(_("hangs: no result within {seconds:.0f} s", seconds=seconds))
    lines = outcome.output.splitlines()
    try:
        found = json.loads(lines[-1]) if outcome.code == 0 and lines else None
    except ValueError:
        found = None
    return found if isinstance(found, dict) else Died(_why(outcome))


def _why(outcome: Outcome) -> str:
    """Say how a process ended: by a signal or an exit code, with llama.cpp's last words."""
    how = how_ended(outcome.code or 0)
    lines = [line.strip() for line in outcome.errors.splitlines() if line.strip()]
    # "/path/of/the/build/src/llama-model.cpp:1420: GGML_ASSERT(…) failed"
    assertion = next((m[0] for line in lines if (m := re.search(r"GGML_\w+\(.*", line))), "")
    reason = assertion or (lines[-1] if lines else "")
    return f"{how}: {reason[:_LONGEST_REASON]}" if reason else how
