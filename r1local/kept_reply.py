"""A reply as it will be kept, while its events come."""

from dataclasses import replace

from r1local.conversation import Reply
from r1local.events import AnswerDelta, Event, Finished, Notice, Rewound, ThinkingDelta


class KeptReply:
    """Takes a reply's events and holds its text, loops left out.

    Args:
        model: the model's name.
        begun: the reply's beginning, if it goes on from one.
    """

    def __init__(self, model: str, begun: Reply | None = None) -> None:
        self._before = begun or Reply("", "", "lost", False, model)
        self._thinking = [self._before.thinking]
        self._answer = [self._before.answer]
        self._end: Finished | None = None

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case ThinkingDelta(text):
                self._thinking.append(text)
            case AnswerDelta(text):
                self._answer.append(text)
            case Rewound(part, characters):
                pieces = self._thinking if part == "thinking" else self._answer
                pieces[:] = ["".join(pieces)[:-characters]]
            case Finished():
                self._end = event
            case Notice():
                pass

    def reply(self) -> Reply:
        """What there is of the reply; `lost` unless it has finished."""
        thinking, answer = "".join(self._thinking), "".join(self._answer)
        before, end = self._before, self._end
        if end is None:
            is_open = bool(thinking and not answer)
            return replace(before, thinking=thinking, answer=answer, thinking_open=is_open)
        usage = end.usage
        return replace(
            before,
            thinking=thinking,
            answer=answer,
            reason=end.reason,
            thinking_open=end.thinking_open,
            thinking_tokens=before.thinking_tokens + usage.thinking_tokens,
            answer_tokens=before.answer_tokens + usage.answer_tokens,
            prompt_tokens=before.prompt_tokens + usage.prompt_tokens,
            thinking_s=before.thinking_s + usage.thinking_s,
            answer_s=before.answer_s + usage.answer_s,
            seed=end.seed,
        )
