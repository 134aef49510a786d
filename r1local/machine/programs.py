"""Running other programs, which may hang, crash, or print without end."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, NamedTuple

from r1local.language import _

#: Bytes of output that are read; a program that writes more is ended.
_MOST_BYTES = 4 * 2**20
_POLL_INTERVAL_S = 0.01


class Outcome(NamedTuple):
    """What a program printed, which is untrusted, and its exit code: None if it was ended.

    As in `subprocess`, the code is negative for a program that a signal ended.
    """

    output: str
    errors: str
    code: int | None


def run_program(
    command: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None
) -> Outcome | None:
    """Run a program without input; return None if it can't be started.

    Its output goes to files, because a pipe could be kept open by what the program started.

    Args:
        seconds: after which it is ended, and all that it started.
        environment: variables to set besides those of this process.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env=os.environ | dict(environment or {}),
                start_new_session=True,
            )
        except OSError:
            return None
        try:
            ended = _ends(child, seconds, (output, errors))
        finally:
            _end(child)
        return Outcome(_text(output), _text(errors), child.returncode if ended else None)


def how_ended(code: int) -> str:
    """Say how a program ended, from its exit code: with which one, or by which signal."""
    if code < 0:
        return _("crashes ({signal})", signal=_signal(-code))
    return _("ends with exit code {code}", code=code)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return _("signal {number}", number=number)


def first_line(text: str, longest: int = 200) -> str:
    """Return the first line of a program's output that isn't empty, cut if it is too long."""
    lines = (line.strip() for line in text.splitlines())
    return next(filter(None, lines), "")[:longest]


def _ends(child: subprocess.Popen[bytes], seconds: float, files: Sequence[IO[bytes]]) -> bool:
    """Wait for a program; return whether it ended by itself in time and within its limits."""
    deadline = time.monotonic() + seconds
    while child.poll() is None:
        too_long = any(os.fstat(file.fileno()).st_size > _MOST_BYTES for file in files)
        if too_long or time.monotonic() > deadline:
            return False
        time.sleep(_POLL_INTERVAL_S)
    return True


def _end(child: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        child.kill()
    else:  # with all that it started
        with suppress(OSError):
            os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(_MOST_BYTES).decode("utf-8", "replace")
