"""Drafts at every step, for tests that compare replies with and without them."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from hypothesis import strategies as st

from r1local.engine.drafts import Drafter, Drafts
from r1local.engine.pace import Pace
from r1local.engine.sampler import SamplerSettings
from r1local.engine.shared_pace import SharedPace
from r1local.events.reply import Event, Finished, Usage
from r1local.replies.settings import ReplySettings, ThinkingSettings
from r1local.thinking.loops import LoopSettings


class Always(Pace):
    """Drafts of the same length at every step, whatever they cost."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self._length = length
        self.took(1.0)

    def _judge(self) -> None:
        self.least_confidence = 0.0

    def length(self, confidence: float) -> int:
        return self._length if confidence else 0


class AlwaysTogether(SharedPace):
    """Drafts of the same length for all replies at every step, as far as there is room."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self._length = length

    def too_quick(self, replies: int) -> bool:  # noqa: ARG002
        return False

    def drafted(self, replies: int, length: int, seconds: float, written: int) -> None:
        pass

    def lengths(self, confidences: Sequence[float], most: int) -> Sequence[int]:
        lengths = []
        for each in confidences:
            lengths.append(min(self._length, most) if each else 0)
            most -= lengths[-1]
        return lengths


class Guesses:
    """Drafts that are right as far as is known, and wrong at random."""

    confidence = 1.0

    def __init__(self, drafter: Drafter, random: Random, vocabulary: int) -> None:
        self._drafter, self._random, self._vocabulary = drafter, random, vocabulary
        self.feed, self.rewind = drafter.feed, drafter.rewind

    def propose(self, most: int) -> Sequence[int]:
        draft = [*self._drafter.propose(most)]
        draft += [self._random.randrange(self._vocabulary) for _ in range(most - len(draft))]
        if draft and self._random.random() < 0.3:
            draft[self._random.randrange(most)] = self._random.randrange(self._vocabulary)
        return draft


class Forced(Drafts):
    """Drafts at every step, right and wrong ones."""

    def __init__(self, length: int, seed: int, vocabulary: int) -> None:
        super().__init__()
        self.pace = Always(length)
        self.shared_pace = AlwaysTogether(length)
        self._random, self._size = Random(seed), vocabulary

    def drafter(self, prompt: Sequence[int]) -> Drafter:
        return Guesses(super().drafter(prompt), self._random, self._size)


def told(events: Sequence[Event]) -> list[object]:
    """Return everything about a reply except times and drafts."""
    return [
        replace(event, usage=_tokens(event.usage)) if isinstance(event, Finished) else event
        for event in events
    ]


def _tokens(usage: Usage) -> Usage:
    untimed = replace(usage, load_s=0.0, prompt_s=0.0, thinking_s=0.0, answer_s=0.0)
    return replace(untimed, draft_tokens=0, accepted_tokens=0, cached_tokens=0)


def replies() -> st.SearchStrategy[ReplySettings]:
    """Return any settings of replies."""
    sampler = st.builds(
        SamplerSettings,
        temperature=st.sampled_from([0.0, 0.6, 1.5]),
        seed=st.integers(0, 9),
        top_k=st.sampled_from([0, 40]),
    )
    thinking = st.builds(
        ThinkingSettings,
        budget=st.none() | st.integers(1, 120),
        least=st.sampled_from([0, 0, 200]),
        most_waits=st.integers(0, 3),
    )
    return st.builds(
        ReplySettings,
        sampler=sampler,
        max_tokens=st.integers(1, 500),
        only_thinking=st.booleans(),
        thinking=thinking,
        loops=st.builds(LoopSettings, least_repeats=st.sampled_from([0, 2, 3])),
        grammar=st.sampled_from([None, None, 'root ::= [a-zA-Z .]+ "!"?', "root ::= [0-9]+"]),
    )
