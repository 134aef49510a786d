"""Building the reply that is stored from the events of its generation."""

from dataclasses import replace
from typing import assert_never

from r1local.conversation import Part, Reply
from r1local.events.reply import (
    AnswerDelta,
    Event,
    Finished,
    Notice,
    Reading,
    Rewound,
    ThinkingDelta,
)


class ReplyBuilder:
    """A builder that handles a reply's events and keeps its text, without loops.

    An event costs the same however many came before; `text` and `reply` join the pieces.

    Args:
        model: the model's name.
        begun: the beginning of the reply, if it continues one.
    """

    def __init__(self, model: str, begun: Reply | None = None) -> None:
        self._before = begun or Reply("", "", "lost", False, model)
        self._pieces: dict[Part, list[str]] = {
            "thinking": [self._before.thinking],
            "answer": [self._before.answer],
        }
        self._tokens: dict[Part, int] = {"thinking": 0, "answer": 0}
        self._end: Finished | None = None

    @property
    def empty(self) -> bool:
        """Whether there is no text yet."""
        return not any(map(any, self._pieces.values()))

    def text(self, part: Part) -> str:
        """Return the text of a part so far."""
        return "".join(self._pieces[part])

    def handle(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case ThinkingDelta(text, tokens):
                self._add("thinking", text, tokens)
            case AnswerDelta(text, tokens):
                self._add("answer", text, tokens)
            case Rewound(part, characters):
                self._withdraw(self._pieces[part], characters)
            case Finished():
                self._end = event
            case Notice() | Reading():
                pass
            case _:
                assert_never(event)

    def reply(self) -> Reply:
        """Return the reply so far; its end is `lost` unless it has finished."""
        thinking, answer = self.text("thinking"), self.text("answer")
        before, end = self._before, self._end
        if end is None:
            return replace(
                before,
                thinking=thinking,
                answer=answer,
                reason="lost",
                valid=None,
                thinking_open=bool(thinking and not answer),
                thinking_tokens=before.thinking_tokens + self._tokens["thinking"],
                answer_tokens=before.answer_tokens + self._tokens["answer"],
            )
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
            draft_tokens=before.draft_tokens + usage.draft_tokens,
            accepted_tokens=before.accepted_tokens + usage.accepted_tokens,
            seed=end.seed,
            valid=end.valid,
        )

    def _add(self, part: Part, text: str, tokens: int) -> None:
        self._pieces[part].append(text)
        self._tokens[part] = tokens

    @staticmethod
    def _withdraw(pieces: list[str], characters: int) -> None:
        while pieces and characters > 0:
            last = pieces.pop()
            if len(last) > characters:
                pieces.append(last[: len(last) - characters])
            characters -= len(last)
