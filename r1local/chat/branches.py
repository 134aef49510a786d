"""The records that begin another branch of a conversation, or that show one again."""

from collections.abc import Callable

from r1local.conversation import Span
from r1local.errors import SessionNotSaved
from r1local.events.reply import ThinkingDelta
from r1local.sessions.recorder import Recorder
from r1local.sessions.records import Retry


def record_thought(
    thought: str, edited: tuple[Span, ...], kept: Callable[[], None], recorder: Recorder
) -> SessionNotSaved | None:
    """Begin an alternative to the last reply with an edited thought.

    Args:
        edited: the passages of it that were edited.
        kept: called once the session has the thought on the disk.

    Returns:
        Why it couldn't be written to the disk.
    """
    recorder.append(Retry(edited=edited))
    recorder.append(ThinkingDelta(thought, 0))
    try:
        recorder.save()
        kept()
    except SessionNotSaved as error:
        return error
    return None


def record_way_to(number: int, recorder: Recorder) -> SessionNotSaved | None:
    """Show the branch that ends with the turn with that number, or none: 0.

    Returns:
        Why that couldn't be written to the disk.
    """
    unsaved: SessionNotSaved | None = None
    for record in recorder.transcript.records_to(number):
        try:
            recorder.append(record)
        except SessionNotSaved as error:
            unsaved = error
    return unsaved
