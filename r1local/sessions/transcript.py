"""A conversation as its records tell it, while it goes on or when it is read again."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import assert_never

from r1local.conversation import Reply, Turn
from r1local.events import AnswerDelta, Notice, Part, Rewound, ThinkingDelta
from r1local.sessions.records import (
    Continued,
    Dropped,
    Ended,
    Head,
    Question,
    Record,
    Retry,
    Setting,
    SystemPrompt,
    Undo,
    UsedModel,
)

#: Characters of a title, beyond which the question is cut.
_LONGEST_TITLE = 60


class Transcript:
    """What was said so far. Records that fit nothing before them change nothing.

    Attributes:
        started: when it was begun, in UTC; None if that isn't known.
        system: the system prompt.
        model: the name of the model used last.
        settings: the values given last, by setting.
        dropped: how many of the oldest turns are left out of the prompt.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.started: datetime | None = None
        self.system: str | None = None
        self.model: str | None = None
        self.settings: dict[str, str] = {}
        self.dropped = 0
        self._turns: list[Turn] = []
        self._open: _OpenReply | None = None
        for record in records:
            self.take(record)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns. A reply that has not ended is `lost` so far."""
        if self._open is None or self._open.empty:
            return tuple(self._turns)
        return (*self._turns[:-1], replace(self._turns[-1], reply=self._open.reply()))

    @property
    def title(self) -> str:
        """The first question in one short line; empty while there is none."""
        words = " ".join(self._turns[0].typed[: 8 * _LONGEST_TITLE].split()) if self._turns else ""
        return words if len(words) <= _LONGEST_TITLE else words[: _LONGEST_TITLE - 1] + "…"

    def take(self, record: Record) -> None:
        """Let one more record change what was said."""
        match record:
            case Question(text, shown):
                self._settle()
                self._turns.append(Turn(text, shown=shown))
                self._begin(None)
            case ThinkingDelta() | AnswerDelta() | Rewound():
                if self._open:
                    self._open.take(record)
            case Ended():
                self._end(record)
            case Retry() | Continued() | Undo():
                if self._turns:
                    self._change_last(record)
            case Setting(name, value):
                self.settings[name] = value
            case UsedModel(name):
                self.model = name
            case SystemPrompt(text):
                self.system = text
            case Dropped(count):
                self.dropped = min(self.dropped + count, len(self._turns))
            case Head():
                self.started = _time(record.started)
            case Notice():
                pass
            case _:
                assert_never(record)

    def streamed(self) -> tuple[str, str]:
        """Thought and answer of the reply that has not ended, as far as they came."""
        return (self._open.text("thinking"), self._open.text("answer")) if self._open else ("", "")

    def _change_last(self, record: Retry | Continued | Undo) -> None:
        self._settle()
        last = self._turns[-1]
        match record:
            case Retry():
                self._turns[-1] = replace(last, reply=None)
                self._begin(None)
            case Continued():
                self._begin(last.reply)
            case Undo():
                self._turns.pop()
                self.dropped = min(self.dropped, len(self._turns))

    def _begin(self, reply: Reply | None) -> None:
        self._open = _OpenReply(reply or Reply("", "", "lost", False, self.model or ""))

    def _settle(self) -> None:
        """Keep what there is of a reply that has not ended."""
        self._turns, self._open = list(self.turns), None

    def _end(self, record: Ended) -> None:
        if self._open is None:
            return
        thinking, answer = self.streamed()
        self._turns[-1] = replace(
            self._turns[-1],
            reply=Reply(
                thinking=thinking if record.thinking is None else record.thinking,
                answer=answer if record.answer is None else record.answer,
                reason=record.reason,
                thinking_open=record.thinking_open,
                model=record.model,
                thinking_tokens=record.thinking_tokens,
                answer_tokens=record.answer_tokens,
                prompt_tokens=record.prompt_tokens,
                thinking_s=record.thinking_s,
                answer_s=record.answer_s,
                seed=record.seed,
            ),
        )
        self._open = None


class _OpenReply:
    """A reply that has not ended: `begun` is what there was of it when it went on."""

    def __init__(self, begun: Reply) -> None:
        self._begun = begun
        self._pieces: dict[Part, list[str]] = {
            "thinking": [begun.thinking],
            "answer": [begun.answer],
        }
        self._tokens: dict[Part, int] = {"thinking": 0, "answer": 0}

    @property
    def empty(self) -> bool:
        """Nothing has come yet."""
        return not any(map(any, self._pieces.values()))

    def take(self, record: ThinkingDelta | AnswerDelta | Rewound) -> None:
        if isinstance(record, Rewound):
            text = self.text(record.part)
            self._pieces[record.part] = [text[: max(0, len(text) - record.characters)]]
            return
        part: Part = "thinking" if isinstance(record, ThinkingDelta) else "answer"
        self._pieces[part].append(record.text)
        self._tokens[part] = record.tokens

    def text(self, part: Part) -> str:
        return "".join(self._pieces[part])

    def reply(self) -> Reply:
        """The reply as it would be if nothing more came."""
        begun, thinking, answer = self._begun, self.text("thinking"), self.text("answer")
        return replace(
            begun,
            thinking=thinking,
            answer=answer,
            reason="lost",
            thinking_open=bool(thinking) and not answer,
            thinking_tokens=begun.thinking_tokens + self._tokens["thinking"],
            answer_tokens=begun.answer_tokens + self._tokens["answer"],
        )


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
