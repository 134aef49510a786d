"""What there is to tell people who look elsewhere."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from r1local.conversation import FinishReason
from r1local.events.vote import VoteResult
from r1local.language import N_, _
from r1local.ui.attention.sequences import one_line
from r1local.ui.wording import ENDINGS, duration

State: TypeAlias = Literal["answered", "stopped", "failed", "done", "choice"]
_IN_TITLE: dict[State, str] = {
    "answered": N_("answered"),
    "stopped": N_("stopped"),
    "failed": N_("failed"),
    "done": N_("done"),
    "choice": N_("needs a choice"),
}


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
        return _(_IN_TITLE[self.state])


def of_reply(reason: FinishReason, seconds: float, answer: str) -> News:
    """Return the news of a reply that has ended."""
    told = _(ENDINGS[reason]) if reason in ENDINGS else _("answered")
    state: State = "stopped" if reason in ENDINGS else "answered"
    return _with_answer(state, told, seconds, answer)


def of_vote(result: VoteResult, seconds: float) -> News:
    """Return the news of a vote."""
    answer = result.answer
    if answer is None:
        told = _("no reply came to an answer in {seconds}", seconds=duration(seconds))
        return News("stopped", told, seconds)
    votes = _(
        "{votes} of {finished} votes", votes=result.candidates[0].votes, finished=result.finished
    )
    return _with_answer("answered", votes, seconds, answer)


def of_work(what: str, seconds: float) -> News:
    """Return the news that something else than a reply is done."""
    return News(
        "done",
        one_line(_("done after {seconds}: {what}", seconds=duration(seconds), what=what)),
        seconds,
    )


def of_failure(message: str, seconds: float) -> News:
    """Return the news that an error ended a reply."""
    return News(
        "failed",
        one_line(
            _("failed after {seconds}: {message}", seconds=duration(seconds), message=message)
        ),
        seconds,
    )


def of_choice(question: str, seconds: float) -> News:
    """Return the news that the user has to choose."""
    return News("choice", one_line(_("a choice is needed: {question}", question=question)), seconds)


def _with_answer(state: State, outcome: str, seconds: float, answer: str) -> News:
    told = _(
        "{outcome} after {seconds}: {answer}",
        outcome=outcome,
        seconds=duration(seconds),
        answer=answer,
    )
    return News(state, one_line(told), seconds, answer)
