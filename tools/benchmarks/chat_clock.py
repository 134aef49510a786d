"""`r1local chat` with a clock in the screen's thread. A yardstick.

    python -m tools.benchmarks.chat_clock FILE chat -m MODEL.gguf

Writes a JSON line to FILE for every frame that shows more of a thought: its tokens, and
the processor time that the screen's thread has used so far, in seconds. In the stretches
that are compared, the model writes at an even pace, since a frame costs the same however
many tokens it shows.
"""

import json
import sys
import time
from pathlib import Path

from r1local.__main__ import main as r1local
from r1local.engine.model import Model
from r1local.engine.sampler import Sampler
from r1local.events.reply import Event, ThinkingDelta
from r1local.ui.chat.view import ChatView

#: The measured stretches, in tokens of the thought.
EARLY, LATE = (500, 1_500), (14_500, 15_500)
#: Tokens per second in these stretches, and for the same number of tokens before them.
PACE = 200
_LEAD = 200


def main() -> None:
    """Add the clock and the pace, then run the program."""
    clock = Path(sys.argv.pop(1)).open("a", buffering=1, encoding="utf-8")  # noqa: SIM115
    handle, sample = ChatView.handle, Model.sample
    drawn = 0

    def timed(self: ChatView, event: Event) -> None:
        if isinstance(event, ThinkingDelta):
            clock.write(json.dumps([event.tokens, time.thread_time()]) + "\n")
        handle(self, event)

    def paced(self: Model, sampler: Sampler) -> int:
        nonlocal drawn
        drawn += 1
        if any(start - _LEAD <= drawn <= end for start, end in (EARLY, LATE)):
            time.sleep(1 / PACE)
        return sample(self, sampler)

    ChatView.handle, Model.sample = timed, paced  # type: ignore[method-assign]
    r1local()


if __name__ == "__main__":
    main()
