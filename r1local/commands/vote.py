"""`r1local run --votes`: one question, many replies, the answer that most of them give."""

import sys
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import partial

from r1local.commands.run import RunOptions, prepare, show_events
from r1local.config.options import MOST_AT_ONCE
from r1local.errors import EXIT_NO_ANSWER, EXIT_OK
from r1local.events.vote import VoteEvent, VoteResult
from r1local.models.loading import LoadedModel
from r1local.replies.control import Control
from r1local.ui.console import console_for, print_notice
from r1local.ui.votes.text import vote_renderer_for
from r1local.voting.election import hold_vote
from r1local.voting.settings import VoteSettings, answer_pattern


@dataclass(frozen=True, slots=True)
class VoteOptions:
    """What a vote was asked for beside what `run` is; see `ballots.VoteSettings`."""

    votes: int
    confidence: float | None
    answer_pattern: str | None


def vote(options: RunOptions, wanted: VoteOptions) -> int:
    """Let the model answer many times, elect an answer on stdout; return the exit code.

    Raises:
        R1LocalError: with nothing on stdout.
    """
    pattern = None if wanted.answer_pattern is None else answer_pattern(wanted.answer_pattern)
    prepared = prepare(options)
    settings = VoteSettings(wanted.votes, prepared.settings, wanted.confidence, pattern)
    sequences = min(wanted.votes, MOST_AT_ONCE)
    prepared = replace(prepared, loading=replace(prepared.loading, sequences=sequences))
    model, err = prepared.model.name, console_for(sys.stderr)
    renderer = vote_renderer_for(
        console_for(sys.stdout),
        err,
        output_format=options.output_format,
        with_thinking=options.thinking != "hide",
        answer_only=options.answer_only,
        votes=wanted.votes,
        model=model,
    )

    def voting(loaded: LoadedModel, control: Control) -> Generator[VoteEvent, None, None]:
        return hold_vote(loaded, prepared.conversation, settings, control, model)

    cancelled = partial(VoteResult, None, (), (), "cancelled")
    result = cancelled()

    def keep(event: VoteEvent) -> None:
        nonlocal result
        result = event if isinstance(event, VoteResult) else result

    interruption = show_events(prepared, voting, cancelled, renderer, keep)
    if result.ended == "cancelled":
        return interruption.exit_code
    if result.winner:
        return EXIT_OK
    print_notice(err, "no answer: no reply came to one")
    return EXIT_NO_ANSWER
