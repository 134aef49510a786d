"""What a reply is made of, in the order a person sees it.

Law of the stream: deltas are never empty; thinking never follows answer in one
reply; exactly one `Finished`, last; joining the deltas gives the same text
however the model's output was cut into pieces.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from r1local.conversation import FinishReason, Part

NoticeKind = Literal["context", "offload", "budget", "thinking", "loop", "schema", "template"]


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """The next characters of the thought, and its tokens so far, these included."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """The next characters of the answer, and its tokens so far, these included."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something r1local decided or noticed that the user should know."""

    kind: NoticeKind
    message: str


@dataclass(frozen=True, slots=True)
class Rewound:
    """The reply goes on from before the last characters of a part, which were a loop.

    What a stream has shown stays shown; whoever keeps the text leaves them out.
    """

    part: Part
    characters: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and seconds of one reply.

    `cached_tokens` is the part of `prompt_tokens` that was not evaluated again
    because the KV cache already held it. Tags count as thinking; the token that
    ends the reply is not counted, and tokens of loops are counted as discarded alone.
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

    @property
    def tokens_per_s(self) -> float:
        """Generated tokens per second of generation, the prompt left out."""
        seconds = self.thinking_s + self.answer_s
        return (self.thinking_tokens + self.answer_tokens) / seconds if seconds else 0.0


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a reply.

    `thinking_open` says that the reply ended inside its thought. `seed` is the
    one that was used, whether asked for or drawn. `valid` says whether the answer is
    valid by its JSON schema; None: there is none, or it was not checked.
    """

    reason: FinishReason
    usage: Usage
    seed: int
    thinking_open: bool
    valid: bool | None = None


Event: TypeAlias = ThinkingDelta | AnswerDelta | Rewound | Notice | Finished
