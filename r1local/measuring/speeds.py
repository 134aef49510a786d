"""The single measurements of a loaded model: each does its work once, and returns a figure.

A measurement that is cancelled returns None.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from r1local.conversation import Conversation, Message
from r1local.engine.model import Model
from r1local.engine.sampler import SamplerSettings
from r1local.events.reply import AnswerDelta, Finished, ThinkingDelta
from r1local.events.vote import VoteResult
from r1local.language import N_
from r1local.replies.control import Control
from r1local.replies.engine import generate
from r1local.replies.local import LocalEngine
from r1local.replies.settings import ReplySettings
from r1local.voting.election import hold_vote
from r1local.voting.settings import VoteSettings

#: Questions that any model answers at length, so that there are enough tokens to count: one for
#: new text, and one for text that repeats the question.
PROSE = (Message("user", "Write a long story about a lighthouse."),)
_LINES = "\n".join(f"{n}. The keeper of lighthouse {n} lights lamp {n}." for n in range(1, 25))
COPYING = (Message("user", f"Repeat these lines exactly:\n{_LINES}"),)
QUESTIONS: Mapping[str, Conversation] = MappingProxyType(
    {N_("prose"): PROSE, N_("copying"): COPYING}
)
_SEED = 1


#: Measures a model with some tokens, of which the first `depth` are in its cache.
Measure: TypeAlias = Callable[[Model, Sequence[int], int, Callable[[], bool]], float | None]


def any_tokens(vocabulary_size: int, count: int) -> list[int]:
    """Return tokens to evaluate; which ones makes no difference to the speed."""
    draw = random.Random(_SEED)
    return [draw.randrange(vocabulary_size) for _ in range(count)]


def prompt_speed(
    model: Model, tokens: Sequence[int], depth: int, cancelled: Callable[[], bool]
) -> float | None:
    """Evaluate all tokens after the first `depth`; return how many of them per second."""
    model.rewind(depth)
    started = time.perf_counter()
    if model.evaluate(tokens, cancelled) is None:
        return None
    model.wait()
    return (len(tokens) - depth) / (time.perf_counter() - started)


def generation_speed(
    model: Model, tokens: Sequence[int], depth: int, cancelled: Callable[[], bool]
) -> float | None:
    """Evaluate the tokens after the first `depth` one by one, as `prompt_speed`.

    No token is drawn, as in llama-bench; but each is waited for, as drawing does.
    """
    model.rewind(depth)
    started = time.perf_counter()
    for token in tokens[depth:]:
        if cancelled():
            return None
        model.advance(token)
        model.wait()
    return (len(tokens) - depth) / (time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class ReplyTimes:
    """A whole reply: the tokens of its prompt, seconds to the first token, tokens per second."""

    prompt_tokens: int
    first_token_s: float
    tokens_per_s: float


def reply_times(
    engine: LocalEngine, question: Conversation, most_tokens: int, control: Control
) -> ReplyTimes | None:
    """Have an engine reply, with nothing of the question in its cache; None if it is silent."""
    engine.loaded.model.rewind(0)
    first: float | None = None
    started = time.perf_counter()
    for event in generate(engine, question, _reply_settings(most_tokens), control):
        if first is None and isinstance(event, ThinkingDelta | AnswerDelta):
            first = time.perf_counter() - started
        if isinstance(event, Finished) and event.reason != "cancelled" and first is not None:
            return ReplyTimes(event.usage.prompt_tokens, first, event.usage.tokens_per_s)
    return None


def vote_speed(engine: LocalEngine, votes: int, most_tokens: int, control: Control) -> float | None:
    """Let an engine vote on `PROSE`; return the tokens per second of all replies together."""
    settings = VoteSettings(votes, _reply_settings(most_tokens))
    for event in hold_vote(engine, PROSE, settings, control):
        if isinstance(event, VoteResult) and event.ended != "cancelled":
            return event.tokens_per_s or None
    return None


def _reply_settings(most_tokens: int) -> ReplySettings:
    # As of a reply for which nobody gave a seed: those may have drafts in more cases.
    return ReplySettings(SamplerSettings(seed=_SEED, seed_drawn=True), max_tokens=most_tokens)
