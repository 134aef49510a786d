"""A question to a model on one device: run in a process of its own, which prints JSON.

`python -m r1local.diagnosis.self_test_process FILE [GPU]`, where GPU is a number from 0 on.
"""

import json
import sys
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from r1local.conversation import Message
from r1local.engine.devices import gpus
from r1local.engine.sampler import SamplerSettings
from r1local.errors import R1LocalError
from r1local.events.reply import Finished
from r1local.events.reply_builder import ReplyBuilder
from r1local.machine.planner import SMALLEST_CONTEXT
from r1local.models.load_options import LoadOptions
from r1local.replies.control import Control
from r1local.replies.engine import generate
from r1local.replies.local import LocalEngine
from r1local.replies.settings import ReplySettings

#: A sum that nano always gets right, and which it was not trained on.
QUESTION, RESULT = "What is 27 + 58?", "85"
_MOST_TOKENS = 256
_LONGEST_ANSWER = 200
_ALL_LAYERS = -1


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of the question: the answer, the tokens, and the seconds of loading."""

    answer: str
    tokens: int
    tokens_per_s: float
    load_s: float


def ask(path: Path, gpu: int | None) -> Tried:
    """Ask a model on the CPU alone, or on one GPU alone.

    Raises:
        R1LocalError: it can't be loaded, or fails.
    """
    layers, devices = (0, ()) if gpu is None else (_ALL_LAYERS, (gpus()[gpu].device,))
    options = LoadOptions(context=SMALLEST_CONTEXT, gpu_layers=layers, devices=devices)
    settings = ReplySettings(SamplerSettings(temperature=0, seed=0), max_tokens=_MOST_TOKENS)
    engine = LocalEngine.open(path, options, lambda: False)
    kept = ReplyBuilder(path.stem)
    with closing(engine):
        for event in generate(engine, (Message("user", QUESTION),), settings, Control()):
            kept.handle(event)
    if not isinstance(event, Finished):
        raise TypeError("a reply's last event is its end")
    usage = event.usage
    count = usage.thinking_tokens + usage.answer_tokens
    return Tried(kept.text("answer")[:_LONGEST_ANSWER], count, usage.tokens_per_s, engine.load_s)


def _printed(arguments: list[str]) -> dict[str, object]:
    try:
        return asdict(ask(Path(arguments[0]), int(arguments[1]) if arguments[1:] else None))
    except R1LocalError as error:
        return {"error": error.message, "hint": error.hint}


if __name__ == "__main__":
    print(json.dumps(_printed(sys.argv[1:])))
