"""The process's standard streams, as every command wants them."""

import io
import os
import sys
from contextlib import suppress
from typing import IO


def prepare_streams() -> None:
    """Make the streams write UTF-8 and bare line feeds, exist, and block, on every system.

    If a descriptor is closed, Python sets its stream to None. The null device replaces it: what is
    written there is dropped, as whoever closed it wants, and what is read is empty. It is opened
    in the order of the descriptors, so that it takes their numbers. Otherwise a model or session
    file could get one, and libraries would write their errors into it.
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
    """Make reads and writes block: Node.js and ssh pass on pipes where they fail instead."""
    if sys.platform != "win32":
        with suppress(OSError, ValueError):  # not a descriptor
            os.set_blocking(stream.fileno(), True)


def drop(stream: IO[str]) -> None:
    """Discard everything that is still written to a stream that fails.

    Otherwise Python, which flushes its streams on exit, would complain.
    """
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def are_one(stream: IO[str], other: IO[str]) -> bool:
    """Whether two streams lead to one pipe, file or terminal, as behind `2>&1`."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), os.fstat(other.fileno()))
    except (OSError, ValueError):  # not a descriptor
        return False
