"""A conversation: immutable messages for the model, and turns as people see them.

DeepSeek's models are trained with the thoughts of earlier turns left out of
the history, so a message holds what was asked or answered, nothing else. A
turn keeps the thought too: people open it again, search it and export it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Role = Literal["system", "user", "assistant"]
#: The two things a reasoning model writes.
Part = Literal["thinking", "answer"]
#: How a reply ended.
FinishReason = Literal["stop", "length", "cancelled", "loop"]

#: Characters of a headline, beyond which the question is cut.
_HEADLINE = 60


@dataclass(frozen=True, slots=True)
class Message:
    """One message: who speaks, and the text as written."""

    role: Role
    content: str


Conversation: TypeAlias = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as it is kept, loops left out.

    Args:
        thinking: the thought, without its tags.
        answer: the answer; empty where the reply ended inside its thought.
        reason: how it ended; `lost` if the program ended before the reply did.
        thinking_open: the thought was not closed.
        model: the model's name.
        thinking_tokens, answer_tokens: tokens of each part, as `events.Usage` counts them.
        prompt_tokens: tokens of the whole prompt.
        thinking_s, answer_s: seconds that each part took.
        seed: of its sampler.
        valid: whether the answer is valid by its JSON schema; None: there is none, or the
            answer was not checked.
    """

    thinking: str
    answer: str
    reason: FinishReason | Literal["lost"]
    thinking_open: bool
    model: str
    thinking_tokens: int = 0
    answer_tokens: int = 0
    prompt_tokens: int = 0
    thinking_s: float = 0.0
    answer_s: float = 0.0
    seed: int = 0
    valid: bool | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A question, as it was sent, and its reply; None while there is none.

    Args:
        shown: the question as it was typed, where it was sent with documents.
        voters: all replies of a vote by the voters' numbers, from 1; the winner's is the
            `reply` too.
        documents: the names of the documents, which stand in front of it in `question`.
        votes: how many replies were to vote; None if none were.
    """

    question: str
    reply: Reply | None = None
    shown: str | None = None
    voters: Mapping[int, Reply] = field(default_factory=dict)
    documents: tuple[str, ...] = ()
    votes: int | None = None

    @property
    def typed(self) -> str:
        """The question without its documents."""
        return self.question if self.shown is None else self.shown

    @property
    def labelled(self) -> str:
        """The question as typed, with the names of its documents below it."""
        return labelled_question(self.typed, self.documents)

    @property
    def voted(self) -> int:
        """How many replies were to vote, or did: files of before 2026-12 have only these."""
        return self.votes or len(self.voters)

    @property
    def distinct_replies(self) -> Iterator[tuple[int | None, Reply]]:
        """Its reply, for no voter, and those of the voters that did not win."""
        if self.reply:
            yield None, self.reply
        for voter, reply in sorted(self.voters.items()):
            if reply != self.reply:
                yield voter, reply

    @property
    def headline(self) -> str:
        """The question's beginning in one short line."""
        words = " ".join(self.typed[: 8 * _HEADLINE].split())
        return words if len(words) <= _HEADLINE else words[: _HEADLINE - 1] + "…"


def labelled_question(typed: str, documents: Sequence[str]) -> str:
    """A question with the names of its documents below it."""
    return f"{typed}\n({', '.join(documents)})" if documents else typed


def place(turn: int, voter: int | None) -> str:
    """What a reply is called: its turn's number, from 1, and behind a point that of its voter."""
    return str(turn) if voter is None else f"{turn}.{voter}"


def messages_of(turns: Iterable[Turn], system: str | None, question: str | None) -> Conversation:
    """The messages that a model is given: answers only, never thoughts.

    A turn without an answer leaves its question out too: a model takes two
    questions in a row for one, and most templates refuse them.
    """
    messages = [Message("system", system)] if system else []
    for turn in turns:
        if turn.reply and turn.reply.answer.strip():
            messages += [Message("user", turn.question), Message("assistant", turn.reply.answer)]
    if question is not None:
        messages.append(Message("user", question))
    return tuple(messages)
