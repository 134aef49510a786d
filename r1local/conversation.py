"""A conversation: immutable messages for the model, and turns as people see them.

DeepSeek's models are trained without the thoughts of earlier turns in the history, so a
message consists of only what was asked or answered. A turn keeps the thought as well, so
that people can read, search and export it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from r1local.language import N_

Role = Literal["system", "user", "assistant"]
#: The two parts of a reply of a reasoning model.
Part = Literal["thinking", "answer"]
PART_WORDS: Mapping[Part, str] = {"thinking": N_("thinking"), "answer": N_("answer")}
#: From where to where in a text, in characters.
Span: TypeAlias = tuple[int, int]
#: How a reply ended.
FinishReason = Literal["stop", "length", "cancelled", "loop"]

#: Characters of a headline; a longer question is cut.
_HEADLINE = 60


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its author's role, and the text as written."""

    role: Role
    content: str


Conversation: TypeAlias = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as it is stored, without loops.

    Args:
        thinking: the thought, without its tags.
        answer: the answer; empty if the reply ended inside its thought.
        reason: how it ended; `lost` if the program ended before the reply did.
        thinking_open: whether the thought was left open.
        model: the model's name.
        thinking_tokens, answer_tokens: tokens of each part, as `events.Usage` counts them.
        prompt_tokens: tokens of the whole prompt.
        thinking_s, answer_s: seconds that each part took.
        seed: the seed of its sampler.
        valid: whether the answer matches its JSON schema, or None if that was not checked.
        draft_tokens, accepted_tokens: tokens evaluated as drafts, and those of them it has.
        edited: the passages of the thought that a person wrote, or cut out something at.
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
    draft_tokens: int = 0
    accepted_tokens: int = 0
    edited: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """A question as it was sent, and its reply, which is None until there is one.

    Args:
        shown: the question as it was typed, if it was sent with documents.
        voters: all replies of a vote by the voters' numbers, from 1; the winner's is the
            `reply` too.
        documents: the names of the documents, which precede it in `question`.
        votes: the number of replies that were to vote, or None if it was no vote.
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
        """Number of replies that were to vote; files of before 2026-12 only have those that did."""
        return self.votes or len(self.voters)

    @property
    def distinct_replies(self) -> Iterator[tuple[int | None, Reply]]:
        """The turn's reply, with None, and the losing voters' replies, with their numbers."""
        if self.reply:
            yield None, self.reply
        for voter, reply in sorted(self.voters.items()):
            if reply != self.reply:
                yield voter, reply

    @property
    def headline(self) -> str:
        """The beginning of the question, in one short line."""
        return headline_of(self.typed)


def headline_of(text: str) -> str:
    """Return the beginning of a text, in one short line."""
    words = " ".join(text[: 8 * _HEADLINE].split())
    return words if len(words) <= _HEADLINE else words[: _HEADLINE - 1] + "…"


def labelled_question(typed: str, documents: Sequence[str]) -> str:
    """Return a question with the names of its documents below it."""
    return f"{typed}\n({', '.join(documents)})" if documents else typed


def place(turn: int, voter: int | None) -> str:
    """Return the name of a reply: its turn's number from 1, such as 3, or 3.2 for voter 2."""
    return str(turn) if voter is None else f"{turn}.{voter}"


def messages_of(turns: Iterable[Turn], system: str | None, question: str | None) -> Conversation:
    """Return the messages that a model is given: only answers, never thoughts.

    A turn without an answer is left out with its question, because a model takes two questions
    in a row for one, and most templates refuse them.
    """
    messages = [Message("system", system)] if system else []
    for turn in turns:
        if turn.reply and turn.reply.answer.strip():
            messages += [Message("user", turn.question), Message("assistant", turn.reply.answer)]
    if question is not None:
        messages.append(Message("user", question))
    return tuple(messages)
