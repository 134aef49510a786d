"""The outermost error handler: no command ends in a traceback on the terminal."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import NoReturn

from r1local.cli.ctrl_c import end_at_ctrl_c
from r1local.errors import (
    EXIT_BROKEN_PIPE,
    EXIT_BUG,
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    R1LocalError,
    lacks_memory,
    too_little_memory,
)
from r1local.language import _, reason_of
from r1local.ui import streams


def run_and_exit(command: Callable[[], int]) -> NoReturn:
    """Run a command, print its error if it fails, and exit with its code."""
    sys.exit(exit_code(command))


def run_and_leave(command: Callable[[], int]) -> NoReturn:
    """Do as `run_and_exit`, but end the process at once.

    Python doesn't take apart what it has loaded, which would take 15 ms: commands have closed
    what they opened, and the system takes back the rest.
    """
    try:
        code = exit_code(command)
    except KeyboardInterrupt:  # while an error was printed
        code = EXIT_INTERRUPTED
    finally:
        end_at_ctrl_c()
    with suppress(OSError, ValueError):  # nobody reads them any more
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def exit_code(command: Callable[[], int]) -> int:
    """Return a command's exit code; if it fails, print its error."""
    try:
        return _outcome(command)
    except Exception as error:  # also one of telling an error, where memory is that short
        return _failed(error)


def _outcome(command: Callable[[], int]) -> int:
    try:
        code = command()
        sys.stdout.flush()
        return code
    except R1LocalError as error:
        _print_error(error.message, error.hint)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except SystemExit as leaving:
        if isinstance(leaving.__context__, BrokenPipeError):  # rich's consoles leave with 1
            return EXIT_BROKEN_PIPE
        raise
    except BrokenPipeError:
        streams.drop(sys.stdout)
        return EXIT_BROKEN_PIPE


def _failed(error: Exception) -> int:
    """Print an error that no room has translated, and return the exit code."""
    if lacks_memory(error):
        short = too_little_memory()
        _print_plainly(short.message, short.hint)
        return short.exit_code
    if isinstance(error, OSError) and error.filename is not None:
        told = _("{path} can't be used: {reason}", path=error.filename, reason=reason_of(error))
        _print_error(told, _("check its permissions, and the disk"))
        return EXIT_ERROR
    if isinstance(error, OSError):
        # Adapters translate their own errors, so one without a file is stdout's: a full disk.
        streams.drop(sys.stdout)
        message = _("the output can't be written: {reason}", reason=reason_of(error))
        _print_error(message, _("free some disk space, or write elsewhere"))
        return EXIT_ERROR
    if isinstance(error.__cause__, KeyboardInterrupt):  # in a class that was being made
        return EXIT_INTERRUPTED
    report = _write_report()
    _print_error(
        _("r1local has a bug: {kind}", kind=type(error).__name__),
        _("please report it with what r1local doctor prints, and {report}", report=report),
    )
    return EXIT_BUG


def _print_error(message: str, hint: str) -> None:
    try:
        from r1local.ui.console import print_error

        print_error(sys.stderr, message, hint)
    except Exception:  # there isn't even enough memory left for that, or no reader
        _print_plainly(message, hint)


def _print_plainly(message: str, hint: str) -> None:
    """Print an error without importing anything."""
    with suppress(OSError):  # stderr may be full, or gone
        sys.stderr.write(_("error: {message}\nhint: {hint}", message=message, hint=hint) + "\n")


def _write_report() -> str:
    """Write the versions and the traceback to a log file.

    Returns the file's path, or the report itself if it can't be written.
    """
    import platform
    import traceback

    from platformdirs import user_log_path

    from r1local import __version__

    now = datetime.now(UTC)
    report = (
        f"r1local {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"{now.isoformat()}\n\n{traceback.format_exc()}"
    )
    folder = user_log_path("r1local")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"bug-{now:%Y%m%d-%H%M%S}-{os.getpid()}.log"
        # A traceback may quote a question, so only its owner may read it.
        path.touch(mode=0o600)
        path.write_text(report, encoding="utf-8")
    except OSError:
        return _("this: {report}", report=report)
    return str(path)
