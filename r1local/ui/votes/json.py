"""Votes for programs: one JSON object, or one per line for each event of each voter."""

from collections.abc import Mapping
from typing import IO, assert_never

from rich.console import Console

from r1local.events.reply import (
    AnswerDelta,
    Finished,
    Notice,
    Reading,
    Rewound,
    ThinkingDelta,
    Written,
)
from r1local.events.vote import (
    Candidate,
    Paused,
    TallyUpdate,
    VoteEvent,
    VoteResult,
    VoterEvent,
    VoterReply,
)
from r1local.ui.console import print_notice
from r1local.ui.replies.json import rounded, write_line


class JsonVotes:
    """Renderer of one JSON object for the whole vote, written at its end; notices go to `err`.

    A vote that an error ends has one as well, if a reply had come: nobody has won then, its end is
    `lost`, and what nobody counted is null.
    """

    def __init__(self, stream: IO[str], err: Console, model: str, with_thinking: bool) -> None:
        self._stream = stream
        self._err = err
        self._model = model
        self._with_thinking = with_thinking
        self._ballots: list[VoterReply] = []
        self._candidates: tuple[Candidate, ...] = ()
        self._finished = False

    def handle(self, event: VoteEvent) -> None:
        """Print a notice, or write the object at the end."""
        match event:
            case Notice(_, message):
                print_notice(self._err, message)
            case VoterReply():
                self._ballots.append(event)
            case TallyUpdate(candidates):
                self._candidates = candidates
            case VoteResult():
                self._finished = True
                self._write(event, _counted(event))
            case Reading() | VoterEvent() | Paused():
                pass
            case _:
                assert_never(event)

    def close(self) -> None:
        """Write the object of a vote that has begun and did not finish."""
        if not self._finished and self._ballots:
            ballots = sorted(self._ballots, key=lambda one: one.voter)
            cast = VoteResult(None, self._candidates, tuple(ballots), "cancelled")
            self._write(cast, _LOST)

    def _write(self, elected: VoteResult, counted: Mapping[str, object]) -> None:
        winner = elected.winner
        thinking = winner.reply.thinking if winner and self._with_thinking else None
        replies = [_ballot(ballot, self._with_thinking) for ballot in elected.ballots]
        vote = {
            "model": self._model,
            "thinking": thinking,
            "answer": winner.reply.answer if winner else None,
            **_outcome(elected),
            "replies": replies,
            **counted,
        }
        write_line(self._stream, vote)


class JsonLinesVotes:
    """Renderer of one JSON object per line for each event, flushed.

    The object of a voter's event has the voter's number.
    """

    def __init__(self, stream: IO[str], with_thinking: bool) -> None:
        self._stream = stream
        self._with_thinking = with_thinking

    def handle(self, event: VoteEvent) -> None:
        """Write one event."""
        match event:
            case VoterEvent(voter, of_reply):
                self._write_of_voter(voter, of_reply)
            case Paused(voter):
                write_line(self._stream, {"type": "paused", "voter": voter})
            case VoterReply():
                write_line(self._stream, {"type": "ballot", **_summary(event)})
            case TallyUpdate(candidates):
                write_line(self._stream, {"type": "standing", "tally": _tally(candidates)})
            case Notice(kind, message):
                write_line(self._stream, {"type": "notice", "kind": kind, "message": message})
            case Reading():
                pass
            case VoteResult():
                last = {"type": "elected", **_outcome(event), "timing": _timing(event)}
                write_line(self._stream, last)
            case _:
                assert_never(event)

    def close(self) -> None:
        """Do nothing: each line is complete."""

    def _write_of_voter(self, voter: int, event: Written) -> None:
        line: dict[str, object]
        match event:
            case ThinkingDelta(text):
                if not self._with_thinking:
                    return
                line = {"type": "thinking", "voter": voter, "text": text}
            case AnswerDelta(text):
                line = {"type": "answer", "voter": voter, "text": text}
            case Rewound(part, characters):
                if part == "thinking" and not self._with_thinking:
                    return
                line = {"type": "rewound", "voter": voter, "part": part, "characters": characters}
            case Notice(kind, message):
                line = {"type": "notice", "voter": voter, "kind": kind, "message": message}
            case Finished():
                return  # the line of type "ballot" has it all
            case _:
                assert_never(event)
        write_line(self._stream, line)


def _counted(elected: VoteResult) -> dict[str, object]:
    replies = [ballot.reply for ballot in elected.ballots]
    usage = {
        "prompt_tokens": elected.prompt_tokens,
        "cached_tokens": elected.cached_tokens,
        "thinking_tokens": sum(one.thinking_tokens for one in replies),
        "answer_tokens": sum(one.answer_tokens for one in replies),
        "draft_tokens": sum(one.draft_tokens for one in replies),
        "accepted_tokens": sum(one.accepted_tokens for one in replies),
    }
    return {"usage": usage, "timing": _timing(elected)}


#: What the object of a vote that an error ended has instead; a `VoteResult` never ends like this.
_LOST = {"ended": "lost", "usage": None, "timing": None}


def _outcome(elected: VoteResult) -> dict[str, object]:
    return {
        "final_answer": elected.answer,
        "winner": elected.winner.voter if elected.winner else None,
        "ended": elected.ended,
        "finished": elected.finished,
        "agreement": round(elected.agreement, 4),
        "tally": _tally(elected.candidates),
    }


def _tally(candidates: tuple[Candidate, ...]) -> list[dict[str, object]]:
    return [
        {"answer": one.answer, "votes": one.votes, "voters": list(one.voters)} for one in candidates
    ]


def _ballot(ballot: VoterReply, with_thinking: bool) -> dict[str, object]:
    thinking = ballot.reply.thinking if with_thinking else None
    return {**_summary(ballot), "thinking": thinking, "answer": ballot.reply.answer}


def _summary(ballot: VoterReply) -> dict[str, object]:
    reply = ballot.reply
    return {
        "voter": ballot.voter,
        "final_answer": ballot.final_answer,
        "finish_reason": reply.reason,
        "valid": ballot.reply.valid,
        "thinking_tokens": reply.thinking_tokens,
        "answer_tokens": reply.answer_tokens,
        "draft_tokens": reply.draft_tokens,
        "accepted_tokens": reply.accepted_tokens,
        "seed": reply.seed,
    }


def _timing(elected: VoteResult) -> dict[str, float]:
    seconds = {
        "load_s": elected.load_s,
        "prompt_s": elected.prompt_s,
        "voting_s": elected.voting_s,
        "tokens_per_s": elected.tokens_per_s,
    }
    return rounded(seconds)
