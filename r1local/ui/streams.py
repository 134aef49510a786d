"""The process's standard streams, as every command wants them."""

import io
import os
import sys
from contextlib import suppress
from typing import IO


def prepare_streams() -> None:
    """UTF-8 and bare line feeds on every system, and streams that exist.

    A program started with a closed stdout has `sys.stdout` None; its text goes
    nowhere, as the one who closed it wants.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace", newline="\n")


def drop(stream: IO[str]) -> None:
    """Let what is still written to a stream that fails go nowhere.

    Python flushes its streams once more on the way out, and would complain.
    """
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
