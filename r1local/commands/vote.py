"""`r1local run --votes`: one question, many replies, the answer that most of them give."""

import signal
import sys
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import replace

from r1local.commands.run import Prepared, RunOptions, prepare
from r1local.config.options import MOST_AT_ONCE
from r1local.errors import EXIT_NO_ANSWER, EXIT_OK, LoadingCancelled
from r1local.events.vote import VoteEvent, VoteResult
from r1local.models.loading import LoadOptions, load, load_options
from r1local.replies.interruption import Interruption, interruptible
from r1local.ui.console import console_for, print_notice
from r1local.ui.votes.text import VoteRenderer, vote_renderer_for
from r1local.voting.election import hold_vote as hold_vote
from r1local.voting.settings import VoteSettings, vote_settings


def vote(options: RunOptions, votes: int) -> int:
    """Let the model answer so many times, elect an answer on stdout; return the exit code.

    Raises:
        R1LocalError: with nothing on stdout.
    """
    prepared = prepare(options)
    settings = vote_settings(votes, prepared.settings, prepared.chosen)
    loading = replace(load_options(prepared.chosen), sequences=min(votes, MOST_AT_ONCE))
    err = console_for(sys.stderr)
    renderer = vote_renderer_for(
        console_for(sys.stdout),
        err,
        output_format=options.output_format,
        with_thinking=options.thinking != "hide",
        answer_only=options.answer_only,
        votes=votes,
        model=prepared.model.name,
    )
    with (
        interruptible() as interruption,
        closing(renderer),
        closing(_events(prepared, settings, loading, interruption)) as events,
    ):
        code = _show(events, renderer, interruption)
    if code == EXIT_NO_ANSWER:
        print_notice(err, "no answer: no reply came to one")
    return code


def _events(
    prepared: Prepared, settings: VoteSettings, loading: LoadOptions, interruption: Interruption
) -> Generator[VoteEvent, None, None]:
    """Load the model and let it vote."""
    path, waiting = prepared.model.path, prepared.waiting
    try:
        with waiting(f"loading {path.name}"):
            loaded = load(path, loading, interruption.cancelled)
    except LoadingCancelled:
        yield VoteResult(None, (), (), "cancelled")
        return
    name = prepared.model.name
    voting = hold_vote(loaded, prepared.conversation, settings, interruption, name)
    with loaded.model, closing(voting) as events:
        yield from loaded.notices
        with waiting("reading the prompt"):
            first = next(events)
        yield first
        yield from events


def _show(events: Iterable[VoteEvent], renderer: VoteRenderer, interruption: Interruption) -> int:
    """Render a vote to its end; return the exit code it stands for.

    Raises:
        BrokenPipeError: nobody reads stdout any more.
    """
    elected: VoteResult | None = None
    for event in events:
        if isinstance(event, VoteResult):
            elected = event
        renderer.handle(event)
    if interruption.reader_gone:
        raise BrokenPipeError
    if elected and elected.ended == "cancelled":
        return 128 + (interruption.signal or signal.SIGINT)
    return EXIT_OK if elected and elected.winner else EXIT_NO_ANSWER
