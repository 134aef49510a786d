"""A conversation of a program with a model."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

from r1local.api.options import ReplyOptions, merged, values_of
from r1local.api.shared_engine import SharedEngine
from r1local.api.stream import Stream
from r1local.chat.dialogue import Dialogue
from r1local.conversation import Reply, Turn
from r1local.errors import PromptTooLong, UsageError
from r1local.events.reply import Event
from r1local.events.reply_builder import ReplyBuilder
from r1local.prompts.documents import check_prompt_text, question_with_documents, read_document
from r1local.replies.control import Control
from r1local.sessions.draft import edited_passages
from r1local.sessions.recorder import NoSession
from r1local.sessions.records import Question
from r1local.sessions.session import Session

#: Lets the model reply.
_Replying = Callable[[Control], Generator[Event, None, None]]


class Chat:
    """A conversation with a model; `Model.chat` begins it.

    Args:
        shared: the engine to ask; closing the chat leaves it open.
        given: options that hold for all replies of this chat, by their names.
        save: the name of a session to save it as.
        schema: the text of a JSON schema that all answers are held to.
    """

    def __init__(
        self, shared: SharedEngine, given: Mapping[str, Any], save: str | None, schema: str | None
    ) -> None:
        self._shared = shared
        self._given = dict(given)
        settings, chosen = shared.settings(self._given, schema)
        recorder = NoSession() if save is None else Session.create(save)
        with shared.alone():
            self._dialogue = Dialogue(shared.selected, shared.engine, settings, recorder)
            if "system" in chosen and chosen["system"].value:
                self._dialogue.use_system(chosen["system"].value)
            if schema is not None:
                self._dialogue.use_schema(schema)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The questions and replies so far."""
        return self._dialogue.turns

    def ask(
        self,
        question: str,
        *,
        files: Sequence[str | PathLike[str]] = (),
        **options: Unpack[ReplyOptions],
    ) -> Reply:
        """Return the model's reply; the arguments and errors are those of `stream`."""
        return self.stream(question, files=files, **options).finish()

    def stream(
        self,
        question: str,
        *,
        files: Sequence[str | PathLike[str]] = (),
        **options: Unpack[ReplyOptions],
    ) -> Stream:
        """Ask a question; return the reply as a stream of events.

        Args:
            question: what to ask.
            files: text files that the question is about.
            options: how to reply this time, but for the system prompt, which is the chat's.

        Raises:
            PromptTooLong: the conversation has no room for another reply; `drop_oldest` makes
                some.
            R1LocalError: as for `Model.stream`.
        """
        documents = [read_document(Path(file)) for file in files]
        text = question_with_documents(question, documents)
        check_prompt_text(text)
        names = tuple(document.name for document in documents)
        asked = Question(text, question if names else None, names or None)

        def replying(control: Control) -> Generator[Event, None, None]:
            prepared = self._dialogue.prepare(asked)
            if shortage := self._dialogue.shortage(prepared):
                raise PromptTooLong(
                    f"the conversation needs {shortage.needed:,} tokens with room for a reply,"
                    f" and the context has {shortage.context_window:,}",
                    f"drop_oldest({len(shortage.oldest) or 1}) leaves out what was said first",
                )
            return self._dialogue.ask(prepared, control)

        return self._stream(replying, options)

    def retry(self, **options: Unpack[ReplyOptions]) -> Reply:
        """Return another reply to the last question; as `stream_retry`."""
        return self.stream_retry(**options).finish()

    def stream_retry(self, **options: Unpack[ReplyOptions]) -> Stream:
        """Reply to the last question again, in place of the reply before; return the events.

        Raises:
            UsageError: nothing has been asked yet.
            R1LocalError: as for `stream`.
        """
        self._require_turn()
        return self._stream(self._dialogue.retry, options)

    def rethink(self, thought: str, **options: Unpack[ReplyOptions]) -> Reply:
        """Return another reply, which goes on from a given thought; as `stream_rethink`."""
        return self.stream_rethink(thought, **options).finish()

    def stream_rethink(self, thought: str, **options: Unpack[ReplyOptions]) -> Stream:
        """Reply to the last question again, from the given thought on; return the events.

        Args:
            thought: what the model is to have thought so far, such as an edited beginning of its
                last thought. `Reply.edited` says which passages of it are others than there.
            options: how to reply this time.

        Raises:
            UsageError: nothing has been asked yet, or the engine can't go on inside a thought.
            R1LocalError: as for `stream`.
        """
        self._require_turn()
        check_prompt_text(thought)
        before = self._dialogue.turns[-1].reply or ReplyBuilder(self._shared.selected.name).reply()
        edited = edited_passages(before, thought)
        begun = replace(ReplyBuilder(before.model).reply(), thinking=thought, edited=edited)
        rethinking = partial(self._dialogue.rethink, thought, edited, lambda: None)
        return self._stream(rethinking, options, begun)

    def undo(self) -> Turn:
        """Remove the last question and its reply from the conversation, and return them.

        Raises:
            UsageError: nothing has been asked yet.
        """
        self._require_turn()
        with self._shared.alone():
            return self._dialogue.undo()

    def drop_oldest(self, turns: int) -> None:
        """Stop giving the model the oldest turns, so many more of them; they stay in `turns`.

        Raises:
            UsageError: there are not so many.
        """
        if not 0 < turns <= len(self._dialogue.turns) - self._dialogue.dropped:
            raise UsageError(f"there are no {turns} turns to drop", "drop fewer")
        with self._shared.alone():
            self._dialogue.drop_oldest(turns)

    def close(self) -> None:
        """Close the session, if it is saved; the model stays open.

        Raises:
            SessionNotSaved: something can't be written to the disk.
        """
        self._dialogue.recorder.close()

    def __enter__(self) -> "Chat":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _stream(
        self, replying: _Replying, options: Mapping[str, Any], begun: Reply | None = None
    ) -> Stream:
        given = merged(self._given, values_of(options, ReplyOptions))
        settings, _chosen = self._shared.settings(given)
        kept = ReplyBuilder(self._shared.selected.name, begun)

        def begin(control: Control) -> Generator[Event, None, None]:
            with self._shared.alone(control):
                self._dialogue.engine = self._shared.engine  # a vote may have loaded it again
                self._dialogue.settings = settings
                with closing(replying(control)) as events:
                    yield from events

        return Stream(kept, begin)

    def _require_turn(self) -> None:
        if not self._dialogue.turns:
            raise UsageError("nothing has been asked yet", "ask something first")
