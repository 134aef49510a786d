"""The events of a reply, in the order in which a person sees them.

Law of the stream: deltas are never empty; thinking never follows answer in one
reply; there is exactly one `Finished`, at the end; joining the deltas gives the same
text however the model's output was cut into pieces. `Reading` comes before all else.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from r1local.conversation import FinishReason, Part

NoticeKind = Literal[
    "context", "offload", "budget", "thinking", "loop", "schema", "template", "engine"
]


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a long prompt has been read; short ones are read without a word.

    Args:
        done: tokens that needn't be read any more, those of an earlier prompt included.
        total: all tokens of the prompt.
    """

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """The next characters of the thought, and its tokens so far, including these."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """The next characters of the answer, and its tokens so far, including these."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something r1local decided or noticed that the user should know."""

    kind: NoticeKind
    message: str


@dataclass(frozen=True, slots=True)
class Rewound:
    """The removal of the last characters of a part, which were a loop; the reply goes on there.

    What a stream has shown stays shown; whoever stores the text removes them.
    """

    part: Part
    characters: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and seconds of one reply.

    `cached_tokens` is the part of `prompt_tokens` that was not evaluated again
    because the KV cache already held it. Tags count as thinking. The token that ends
    the reply is not counted, and tokens of loops only count as discarded. `draft_tokens`
    were evaluated as drafts, and `accepted_tokens` of them are what the model wrote.
    """

    prompt_tokens: int
    cached_tokens: int
    thinking_tokens: int
    answer_tokens: int
    load_s: float
    prompt_s: float
    thinking_s: float
    answer_s: float
    discarded_tokens: int = 0
    draft_tokens: int = 0
    accepted_tokens: int = 0

    @property
    def tokens_per_s(self) -> float:
        """Tokens per second of generation, without the prompt."""
        seconds = self.thinking_s + self.answer_s
        return (self.thinking_tokens + self.answer_tokens) / seconds if seconds else 0.0


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a reply.

    `thinking_open` says that the reply ended inside its thought. `seed` is the
    one that was used, whether given or drawn. `valid` says whether the answer matches
    its JSON schema, and is None if there is no schema or the answer was not checked.
    """

    reason: FinishReason
    usage: Usage
    seed: int
    thinking_open: bool
    valid: bool | None = None


#: What happens once the prompt has been read.
Written: TypeAlias = ThinkingDelta | AnswerDelta | Rewound | Notice | Finished
Event: TypeAlias = Reading | Written
