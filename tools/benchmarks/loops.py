"""Loops of a small model at temperature 0, with and without r1local's recovery.

Of so many replies, how many ended in a loop, how often one was left, and what that cost; and
the guard's microseconds a token.
"""

import random
import time
from collections.abc import Sequence

from r1local.conversation import Message
from r1local.engine.sampler import SamplerSettings
from r1local.events.reply import AnswerDelta, Event, Finished, Rewound
from r1local.models.loading import LoadedModel, LoadOptions, load
from r1local.replies.control import Control
from r1local.replies.generation import generate
from r1local.replies.settings import ReplySettings
from r1local.thinking.loops import LoopGuard, LoopSettings
from testing.models import smollm2
from tools.benchmarks.harness import Options, never, print_head, print_row

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
    """Let the model reply to every question, with recovery and without; print the tables."""
    tokens = options.tokens or TOKENS
    loaded = load(smollm2(), LoadOptions(context=CONTEXT), never)
    with loaded.model:
        off, on = LoopSettings(least_repeats=0), LoopSettings()
        without = [_events(loaded, q, off, tokens) for q in QUESTIONS]
        with_it = [_events(loaded, q, on, tokens) for q in QUESTIONS]
    print_head("", "ended in a loop", "loops left", "tokens taken back")
    for name, replies in (("without recovery", without), ("with recovery", with_it)):
        looping = sum(_loops(events) for events in replies)
        left = sum(isinstance(event, Rewound) for events in replies for event in events)
        back = sum(_end(events).usage.discarded_tokens for events in replies)
        print_row(name, f"{looping} of {len(replies)}", left, f"{back:,}")
    print(f"\nguard: {_guard_us():.2f} µs a token")


def _events(
    loaded: LoadedModel, question: str, loops: LoopSettings, tokens: int
) -> Sequence[Event]:
    settings = ReplySettings(SamplerSettings(temperature=0), tokens, loops=loops)
    return list(generate(loaded, (Message("user", question),), settings, Control()))


def _end(events: Sequence[Event]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished)
    return last


def _loops(events: Sequence[Event]) -> bool:
    """Whether a reply ended for a loop, or its last tokens are one."""
    if _end(events).reason == "loop":
        return True
    text = ""
    for event in events:
        if isinstance(event, AnswerDelta):
            text += event.text
        elif isinstance(event, Rewound):
            text = text[: -event.characters]
    guard = LoopGuard(LoopSettings())
    return any(guard.feed(ord(character), character) for character in text[-1000:])


def _guard_us() -> float:
    drawn = random.Random(1)
    tokens = [drawn.randrange(150_000) for _ in range(100_000)]
    texts = ["\n" if token % 40 == 0 else " word" for token in tokens]
    guard = LoopGuard(LoopSettings())
    started = time.perf_counter()
    for token, text in zip(tokens, texts, strict=True):
        guard.feed(token, text)
    return (time.perf_counter() - started) / len(tokens) * 1e6
