"""Replies as they stream: every event goes into the session before it goes on."""

from collections.abc import Generator
from contextlib import closing

from r1local.events.reply import Event, Finished, Reading
from r1local.events.vote import VoteResult, VoterEvent
from r1local.replies.control import Control
from r1local.replies.engine import Engine, PreparedPrompt, reply_to
from r1local.replies.settings import ReplySettings
from r1local.replies.structured_output import checked
from r1local.sessions.recorder import Recorder
from r1local.sessions.records import OfVoter, ended


def recorded_reply(
    engine: Engine,
    prompt: PreparedPrompt,
    settings: ReplySettings,
    control: Control,
    recorder: Recorder,
    model: str,
) -> Generator[Event, None, None]:
    """Generate the reply to a prompt, and keep it in the session.

    Args:
        model: the name of the model that replies.

    Raises:
        R1LocalError: as `Engine.reply`; the reply is `lost`.
    """
    finished: Finished | None = None
    try:
        events = reply_to(engine, prompt, settings, control)
        with closing(checked(events, recorder.transcript, settings.schema)) as events:
            for event in events:
                if isinstance(event, Finished):
                    finished = event
                elif not isinstance(event, Reading):
                    recorder.append(event)
                yield event
    finally:
        # Whatever ended the reply, what was streamed is kept.
        recorder.append(recorder.transcript.ended(finished, model))


def record_of_voter(voted: VoterEvent, recorder: Recorder, model: str) -> None:
    """Keep an event of one of several voters in the session.

    Args:
        model: the name of the model that replies.
    """
    voter, event = voted.voter, voted.event
    if isinstance(event, Finished):
        recorder.append(OfVoter(voter, recorder.transcript.ended(event, model, voter)))
    else:
        recorder.append(OfVoter(voter, event))


def record_elected(result: VoteResult | None, recorder: Recorder) -> None:
    """Keep the reply that won a vote, or the first voter's if none won."""
    if result and result.ballots:
        chosen = result.winner or result.ballots[0]
        recorder.append(ended(chosen.reply, streamed=False))
