"""The server's log: a line of JSON for each thing that happens, never what was asked or said."""

import json
import sys
import threading
from datetime import UTC, datetime
from typing import TextIO


class Log:
    """Writes events as lines of JSON.

    Args:
        stream: where to; None means stderr.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._lock = threading.Lock()

    def __call__(self, event: str, **facts: object) -> None:
        """Write an event and its facts; a stream that nobody reads any more is no trouble."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event, **facts}, default=str)
        with self._lock:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                pass
