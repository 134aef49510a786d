"""`r1local run --votes`: one question, many replies, and the answer that most of them give."""

import sys
from collections.abc import Generator
from dataclasses import replace
from functools import partial

from r1local.commands.asking import Prepared, RunOptions, preparing, tell
from r1local.commands.run import question_of, show_events
from r1local.config.options import MOST_AT_ONCE
from r1local.errors import EXIT_NO_ANSWER, EXIT_OK
from r1local.events.vote import VoteEvent, VoteResult
from r1local.language import _
from r1local.replies.control import Control
from r1local.replies.engine import Engine
from r1local.ui.console import console_for
from r1local.ui.votes.text import vote_renderer_for
from r1local.voting.election import hold_vote
from r1local.voting.settings import vote_settings


def vote(options: RunOptions, votes: int) -> int:
    """Let `votes` replies vote, and print the winning answer on stdout; return the exit code.

    Raises:
        R1LocalError: the vote failed; nothing was printed on stdout.
    """
    with preparing(options, question_of(options), votes) as prepared:
        return _vote(options, votes, prepared)


def _vote(options: RunOptions, votes: int, prepared: Prepared) -> int:
    """Hold the vote, and show what happens; return the exit code."""
    settings = vote_settings(votes, prepared.settings, prepared.chosen)
    prepared = replace(prepared, at_once=min(votes, MOST_AT_ONCE), votes=votes)
    model = prepared.model.name
    renderer = partial(
        vote_renderer_for,
        console_for(sys.stdout),
        console_for(sys.stderr),
        output_format=options.output_format,
        with_thinking=options.thinking != "hide",
        answer_only=options.answer_only,
        votes=votes,
        model=model,
    )

    def voting(engine: Engine, control: Control) -> Generator[VoteEvent, None, None]:
        if prepared.exchange:
            return prepared.exchange.vote(engine, control, settings)
        return hold_vote(engine, prepared.conversation, settings, control, model)

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
    tell(_("no answer: no reply reached one"))
    return EXIT_NO_ANSWER
