"""What a model and its chats share: the engine, which one of them uses at a time."""

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, TypeAlias

from r1local.api.options import merged
from r1local.config.options import MOST_AT_ONCE
from r1local.config.preferences import Settings, settings_in_force
from r1local.engine.background import uninterrupted
from r1local.engine.grammar import check_grammar
from r1local.errors import LoadingCancelled, R1LocalError, UsageError
from r1local.models.selection import Chosen
from r1local.replies.control import Control
from r1local.replies.engine import Engine
from r1local.replies.settings import ReplySettings, reply_settings
from r1local.replies.structured_output import Structure, structure_by

#: A JSON schema, as its text or as the object.
Schema: TypeAlias = str | Mapping[str, Any]


class SharedEngine:
    """An engine, and the options with which it was opened.

    Args:
        selected: the model that it runs.
        engine: opened; a vote may replace it.
        given: options that hold for all replies, by their names.
    """

    def __init__(self, selected: Chosen, engine: Engine, given: Mapping[str, Any]) -> None:
        self.selected = selected
        self.engine = engine
        self._given = dict(given)
        self._busy = threading.Lock()
        self._closing = False
        self._process = os.getpid()
        self._control: Control | None = None

    @contextmanager
    def alone(self, control: Control | None = None) -> Iterator[None]:
        """Keep others from using the engine in the meantime; `control` is cancelled by `close`.

        Raises:
            UsageError: somebody else uses it, or it was closed.
        """
        self.require_open()
        if not self._busy.acquire(blocking=False):
            raise UsageError(
                f"{self.selected.name} is still replying",
                "exhaust or close the stream that is open",
            )
        try:
            self.require_open()
            self._control = control
            yield
        finally:
            self._control = None
            self._busy.release()
            if self._closing:
                self.close()

    def require_open(self) -> None:
        """Refuse to use an engine that was closed, or is another process's.

        llama.cpp would end the process, or wait for threads that weren't forked.

        Raises:
            UsageError: as above.
        """
        if self._closing or self.engine.closed:
            raise UsageError(f"{self.selected.name} is closed", "load it again")
        if os.getpid() != self._process:
            raise UsageError(
                f"{self.selected.name} was loaded before the process was forked",
                "load it in each process, for example with multiprocessing's spawn",
            )

    def close(self) -> None:
        """Free the engine: now, or as soon as the reply under way has ended, which is cancelled."""
        self._closing = True
        if control := self._control:
            control.cancel()
        if self._busy.acquire(blocking=False):
            try:
                self.engine.close()
            finally:
                self._busy.release()

    def settings(
        self,
        given: Mapping[str, Any],
        schema: Schema | None = None,
        grammar: str | None = None,
    ) -> tuple[ReplySettings, Settings]:
        """Return how to reply, and everything that is set.

        Raises:
            InvalidSetting: an option is meaningless or out of range.
            GrammarError: the schema or the grammar can't be used.
        """
        chosen = settings_in_force(merged(self._given, given), self.selected.preferred)
        if (structure := _structure(schema, grammar)) is None:
            return reply_settings(chosen), chosen
        settings = replace(
            reply_settings(chosen), grammar=structure.grammar, schema=structure.schema
        )
        return settings, chosen

    def make_room_for(self, votes: int, cancelled: Callable[[], bool]) -> None:
        """Have as many replies decoded at once as are worth it, for which it is loaded again.

        If that fails or is interrupted, it is loaded as it was before.
        """
        at_once = min(votes, MOST_AT_ONCE)
        before = self.engine
        if not before.abilities.resizes or before.at_once >= at_once:
            return
        try:
            self.engine = uninterrupted(
                lambda gone: before.reopened(lambda: gone() or cancelled(), at_once=at_once)
            )
        except LoadingCancelled:
            self.engine = before.reopened(lambda: False)  # the vote ends as it does at any time
        except BaseException:
            with suppress(R1LocalError):  # the first error says what is wrong
                self.engine = before.reopened(lambda: False)
            raise


def schema_text(schema: Schema | None) -> str | None:
    """Return a schema's text."""
    return schema if schema is None or isinstance(schema, str) else json.dumps(schema)


def _structure(schema: Schema | None, grammar: str | None) -> Structure | None:
    """Return the form that an answer is held to, if any."""
    if schema is not None and grammar is not None:
        raise UsageError("schema and grammar exclude each other", "leave one out")
    if grammar is not None:
        check_grammar(grammar)
        return Structure(grammar)
    text = schema_text(schema)
    return None if text is None else structure_by(text)
