"""Leaving a session, and what goes along into the next one."""

from r1local.chat.waiting import attach_to, detach_from, waiting_in
from r1local.replies.engine import Engine
from r1local.sessions.recorder import Recorder
from r1local.sessions.records import Record, SchemaChange, Setting, SystemPromptChange


def chosen_in(recorder: Recorder) -> tuple[Record, ...]:
    """Return the records of a system prompt, a schema and a preset that a new session keeps."""
    transcript = recorder.transcript
    system, schema, preset = transcript.system, transcript.schema, transcript.preset
    return (
        *((SystemPromptChange(system),) if system else ()),
        *((SchemaChange(schema),) if schema else ()),
        *((Setting("preset", preset),) if preset else ()),
    )


def leave(recorder: Recorder, engine: Engine) -> None:
    """Close a session; the KV cache is kept for next time.

    Raises:
        SessionNotSaved: what was said still can't be written to the disk.
    """
    state = None if engine.closed else engine.kv_state
    if recorder.transcript.turns and state:
        recorder.keep_state(state)
    recorder.close()


def leave_for(other: Recorder, recorder: Recorder, engine: Engine) -> None:
    """Close a session for another one, without the documents that wait.

    Raises:
        SessionNotSaved: it can't be saved and stays open; the other is closed.
    """
    waiting = waiting_in(recorder)
    try:
        detach_from(recorder)
        recorder.save()
        leave(recorder, engine)
    except BaseException:
        attach_to(recorder, waiting)
        other.close()
        raise
