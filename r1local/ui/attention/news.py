"""What there is to tell people who look elsewhere."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from r1local.conversation import FinishReason
from r1local.events.vote import VoteResult
from r1local.ui.attention.sequences import one_line
from r1local.ui.wording import ENDINGS, duration

State: TypeAlias = Literal["answered", "stopped", "failed", "done", "choice"]


@dataclass(frozen=True, slots=True)
class News:
    """What happened.

    Args:
        state: what it was, in a word for programs.
        text: the same as one harmless line that begins with r1local's own words.
        seconds: how long it took.
        answer: the beginning of the answer, as it was written: untrusted.
    """

    state: State
    text: str
    seconds: float
    answer: str = ""

    @property
    def in_title(self) -> str:
        """The same in very few words."""
        return "needs a choice" if self.state == "choice" else self.state


def of_reply(reason: FinishReason, seconds: float, answer: str) -> News:
    """Return the news of a reply that has ended."""
    told = ENDINGS.get(reason, "answered")
    state: State = "stopped" if reason in ENDINGS else "answered"
    return News(state, one_line(f"{told} after {duration(seconds)}: {answer}"), seconds, answer)


def of_vote(result: VoteResult, seconds: float) -> News:
    """Return the news of a vote."""
    answer = result.answer
    if answer is None:
        told = f"no reply came to an answer in {duration(seconds)}"
        return News("stopped", told, seconds)
    votes = f"{result.candidates[0].votes} of {result.finished} votes"
    return News(
        "answered", one_line(f"{votes} after {duration(seconds)}: {answer}"), seconds, answer
    )


def of_work(what: str, seconds: float) -> News:
    """Return the news that something else than a reply is done."""
    return News("done", one_line(f"done after {duration(seconds)}: {what}"), seconds)


def of_failure(message: str, seconds: float) -> News:
    """Return the news that an error ended a reply."""
    return News("failed", one_line(f"failed after {duration(seconds)}: {message}"), seconds)


def of_choice(question: str, seconds: float) -> News:
    """Return the news that the user has to choose."""
    return News("choice", one_line(f"a choice is needed: {question}"), seconds)
