"""Drafts at every step, for tests that compare replies with and without them."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from r1local.engine.pace import Pace
from r1local.engine.sampler import SamplerSettings
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
