"""The process's standard streams, as every command wants them."""

import io
import os
import sys
from contextlib import suppress
from typing import IO


def prepare_streams() -> None:
    """UTF-8 and bare line feeds on every system, and streams that exist and wait.

    Python leaves a stream None whose descriptor is closed. Its text goes nowhere, as the one
    who closed it wants, or is empty. The null device is opened in the order of descriptors, so
    that it takes theirs: a model file or a session must not become what libraries write errors to.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123
            continue
        _let_wait(stream)
        if mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace", newline="\n")


def _let_wait(stream: IO[str]) -> None:
    """Have reads and writes wait: Node.js and ssh hand on pipes that fail instead."""
    if sys.platform != "win32":
        with suppress(OSError, ValueError):  # not a descriptor
            os.set_blocking(stream.fileno(), True)


def drop(stream: IO[str]) -> None:
    """Let what is still written to a stream that fails go nowhere.

    Python flushes its streams once more on the way out, and would complain.
    """
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def are_one(stream: IO[str], other: IO[str]) -> bool:
    """Whether two streams lead to one pipe, file or terminal, as behind `2>&1`."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), os.fstat(other.fileno()))
    except (OSError, ValueError):  # not a descriptor
        return False
