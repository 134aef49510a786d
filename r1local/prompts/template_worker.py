"""The process in which chat templates run.

It answers requests from stdin on stdout until stdin ends, so it always ends with r1local. Each
request has limits of memory and time.
"""

import json
import sys

from r1local.confined.limits import forbid_files, limited
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
    forbid_files()
    while request := read_message(sys.stdin.buffer):
        with limited(memory_for(len(request)), seconds_for(len(request))):
            answered = _answered(request)
        write_message(sys.stdout.buffer, answered)


def _answered(request: bytes) -> bytes:
    try:
        return json.dumps(answer(**json.loads(request)), ensure_ascii=False).encode()
    except MemoryError:
        return json.dumps({"error": TOO_LARGE}).encode()
