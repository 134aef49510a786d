"""Loops: how the guard judges texts, and small models at temperature 0.

For the tests' legitimate texts and loops: how many were reported as having nothing new, and how
many were cut, by their text alone and with doubts like a model's. For replies: how many ended in
a loop with and without r1local's recovery, and what that cost.
"""

import time
from collections.abc import Sequence
from contextlib import closing
from itertools import product

from r1local.conversation import Message
from r1local.engine.sampler import SamplerSettings
from r1local.events.reply import Event, Finished, Notice, Rewound
from r1local.events.reply_builder import ReplyBuilder
from r1local.models.loading import LoadOptions
from r1local.replies.control import Control
from r1local.replies.engine import Engine, generate
from r1local.replies.local import LocalEngine
from r1local.replies.settings import ReplySettings
from r1local.thinking.loops import LoopGuard, LoopSettings
from testing.honest_data import HONEST_DATA
from testing.honest_texts import HONEST_TEXTS
from testing.loop_corpus import Sample, doubts, pieces_of, texts_in_languages
from testing.looping_texts import LOOPS
from testing.models import smollm2
from tools.benchmarks.harness import Options, never, print_head, print_row
from tools.nano.evaluate import SHIPPED

TOKENS, CONTEXT = 768, 2_048
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


def count_loops(options: Options) -> None:
    """Judge the texts, and let the models reply to every question; print the tables."""
    _judge_texts()
    print_head("", "", "ended in a loop", "loops reported", "loops cut", "tokens taken back")
    for name, file in (("nano", SHIPPED), ("SmolLM2-135M", smollm2())):
        how = LoadOptions(context=CONTEXT, threads=options.threads)
        _let_reply(name, LocalEngine.open(file, how, never), options)


def _judge_texts() -> None:
    print_head("", "texts", "tokens", "reported", "cut", "µs per token")
    kinds = {"legitimate texts": {**HONEST_DATA, **HONEST_TEXTS}, "loops": LOOPS}
    for (name, makers), doubted in product(kinds.items(), (False, True)):
        judged = [_judged(sample, doubted) for sample in texts_in_languages(makers, 2)]
        tokens, reported, cut, seconds = map(sum, zip(*judged, strict=True))
        title = f"{name}, with a model's doubts" if doubted else name
        print_row(title, len(judged), f"{tokens:,}", reported, cut, f"{seconds / tokens * 1e6:.2f}")
    print()


def _judged(sample: Sample, doubted: bool) -> tuple[int, bool, bool, float]:
    """Return the tokens read up to the first loop, whether it was reported or cut, and seconds."""
    guard = LoopGuard(LoopSettings(), lambda: sample.question)
    pieces = pieces_of(sample.text)
    ids = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    doubtful = list(doubts(pieces, sample.sure_of_numbers)) if doubted else [False] * len(pieces)
    reported, cut, tokens, started = False, False, 0, time.perf_counter()
    for piece, doubt in zip(pieces, doubtful, strict=True):
        tokens += 1
        if loop := guard.feed(ids[piece], piece, doubtful=doubt):
            reported, cut = True, loop.drop > 0
            if cut:
                break
    return tokens, reported, cut, time.perf_counter() - started


def _let_reply(name: str, engine: Engine, options: Options) -> None:
    """Let a model reply to every question, without and with recovery."""
    tokens = options.tokens or TOKENS
    with closing(engine):
        for title, loops in (("no recovery", LoopSettings(0)), ("recovery", LoopSettings())):
            replies = [_events(engine, question, loops, tokens) for question in QUESTIONS]
            looping = sum(map(_loops, replies))
            events = [event for reply in replies for event in reply]
            cut = sum(isinstance(event, Rewound) for event in events)
            reported = sum(map(_is_warning, events))
            back = sum(_end(reply).usage.discarded_tokens for reply in replies)
            print_row(name, title, f"{looping} of {len(replies)}", reported, cut, f"{back:,}")


def _is_warning(event: Event) -> bool:
    return isinstance(event, Notice) and event.kind == "loop" and "may be" in event.message


def _events(engine: Engine, question: str, loops: LoopSettings, tokens: int) -> Sequence[Event]:
    settings = ReplySettings(SamplerSettings(temperature=0), tokens, loops=loops)
    return list(generate(engine, (Message("user", question),), settings, Control()))


def _end(events: Sequence[Event]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished)
    return last


def _loops(events: Sequence[Event]) -> bool:
    """Return whether a reply ended because of a loop, or its last characters form one.

    That is something repeated three times, over at least 120 characters.
    """
    if _end(events).reason == "loop":
        return True
    kept = ReplyBuilder("")
    for event in events:
        kept.handle(event)
    text = kept.text("thinking") + kept.text("answer")
    lengths = ((period, max(3 * period, 120)) for period in range(1, len(text) // 3))
    return any(text[-length:-period] == text[period - length :] for period, length in lengths)
