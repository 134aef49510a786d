"""The process in which chat templates run.

It answers requests from stdin on stdout until stdin ends, so it always ends with r1local. Each
request has limits of memory and time that apply even in the middle of a call into C.
"""

import faulthandler
import json
import os
import sys
import time
from pathlib import Path

from r1local.prompts.template_messages import (
    TOO_LARGE,
    memory_for,
    read_message,
    seconds_for,
    write_message,
)
from r1local.prompts.template_sandbox import answer


def main() -> None:
    """Answer requests until there are no more."""
    _forbid_files()
    with Path(os.devnull).open("w") as nowhere:
        while request := read_message(sys.stdin.buffer):
            seconds = seconds_for(len(request))
            _limit(memory_for(len(request)), seconds)
            faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
            answered = _answered(request)
            faulthandler.cancel_dump_traceback_later()
            write_message(sys.stdout.buffer, answered)


def _answered(request: bytes) -> bytes:
    try:
        return json.dumps(answer(**json.loads(request)), ensure_ascii=False).encode()
    except MemoryError:
        return json.dumps({"error": TOO_LARGE}).encode()


if sys.platform == "win32":

    def _forbid_files() -> None:
        """Do nothing, since Windows has no such limit."""

    def _limit(memory: int, seconds: float) -> None:
        """Do nothing, since the clock and the parent limit a request."""

else:
    import resource

    def _forbid_files() -> None:
        """Keep the process from writing files, including core dumps."""
        _lower(resource.RLIMIT_FSIZE, 0)
        _lower(resource.RLIMIT_CORE, 0)

    def _limit(memory: int, seconds: float) -> None:
        """Let the system end a request that takes more memory or processor time."""
        _lower(resource.RLIMIT_AS, memory)
        _lower(resource.RLIMIT_CPU, int(time.process_time() + seconds) + 2)

    def _lower(kind: int, limit: int) -> None:
        _soft, hard = resource.getrlimit(kind)
        within = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        try:
            resource.setrlimit(kind, (within, hard))
        except (OSError, ValueError):  # macOS refuses some, but the clock and the parent remain
            return
