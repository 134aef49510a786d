"""A model that programs ask: for one reply, for a vote, or in a chat."""

import json
import os
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

from r1local.api.options import ModelOptions, ReplyOptions, VoteOptions, merged, values_of
from r1local.api.stream import Stream, VoteStream
from r1local.config.options import MOST_AT_ONCE
from r1local.config.paths import user_models
from r1local.config.preferences import Settings, settings_in_force
from r1local.conversation import Conversation, Message, Reply
from r1local.engine.grammar import check_grammar
from r1local.errors import UsageError
from r1local.events.reply import Event, Notice
from r1local.events.reply_builder import ReplyBuilder
from r1local.events.vote import VoteEvent, VoteResult
from r1local.models.catalog import load_catalog
from r1local.models.selection import Selected, select
from r1local.opening import open_engine
from r1local.prompts.documents import check_prompt_text
from r1local.replies.control import Control
from r1local.replies.engine import Engine, generate, prepared
from r1local.replies.settings import ReplySettings, reply_settings
from r1local.replies.structured_output import Structure, checked, structure_by
from r1local.voting.election import hold_vote
from r1local.voting.settings import vote_settings

if TYPE_CHECKING:
    from r1local.api.chat import Chat

#: A question, or the messages of a conversation, of which the last is the question.
Prompt: TypeAlias = str | Sequence[Message]
#: A JSON schema, as its text or as the object.
Schema: TypeAlias = str | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model that can be loaded: its reference for `load`, its file, and its size in bytes."""

    name: str
    path: Path
    size: int
    quantization: str | None


def installed() -> list[InstalledModel]:
    """Return the models on this machine that can be loaded.

    Raises:
        CatalogError: something is wrong in the user's own models.toml.
    """
    from r1local.models.store.search import installed_models  # loading by name needs less

    here = installed_models(load_catalog(user_models()))
    return [
        InstalledModel(each.reference, each.path, each.size, each.quantization)
        for each in here
        if each.whole
    ]


def load(model: str | os.PathLike[str] | None = None, **options: Unpack[ModelOptions]) -> "Model":
    """Load a model, which the caller has to close, for example with `with`.

    Args:
        model: a name such as `7b` or `7b:q5_k_m`, `hf:org/repo`, or a GGUF file's path. By
            default it is the one that the environment or `config.toml` names, else the best one
            of R1's family on this machine, else the embedded demonstration, `nano`.
        options: how it is loaded, and what holds for all its replies.

    Raises:
        UnknownModel, ModelNotInstalled: no such model is known, or on this machine.
        ModelFileError, ModelLoadError: its file can't be used.
        InvalidSetting: an option is meaningless, out of range, or doesn't suit the model.
    """
    given = values_of(options, ModelOptions)
    reference = model if model is None or isinstance(model, str) else str(Path(model).absolute())
    selected = select(reference, load_catalog(user_models()))
    chosen = settings_in_force(given, selected.preferred)
    return Model(selected, open_engine(selected, chosen, lambda: False), given)


class Model:
    """A model that is ready to reply; `load` makes it.

    It writes one reply at a time: any thread may ask, but asking while a stream is open is a
    `UsageError`. Several replies to one question are a vote.

    Args:
        selected: which model it is.
        engine: what runs it; `close` closes it.
        given: options that hold for all replies, by their names.
    """

    def __init__(self, selected: Selected, engine: Engine, given: Mapping[str, Any]) -> None:
        self._selected = selected
        self._engine = engine
        self._given = dict(given)
        self._busy = threading.Lock()

    @property
    def name(self) -> str:
        """The name of the model."""
        return self._selected.name

    @property
    def details(self) -> str:
        """How and where it runs, in a few words, such as its quantization."""
        return self._engine.details

    @property
    def context_window(self) -> int | None:
        """Most tokens of prompt and reply together; None if an engine elsewhere doesn't say."""
        return self._engine.context_window

    @property
    def notices(self) -> Sequence[Notice]:
        """What a user should know about how it was loaded."""
        return tuple(self._engine.notices)

    def count_tokens(self, prompt: Prompt, *, system: str | None = None) -> int | None:
        """Return how many tokens a prompt has; None if the engine doesn't know.

        Raises:
            ChatTemplateError: the model's template can't render it.
        """
        settings, chosen = self.settings(values_of({"system": system}, ReplyOptions))
        size = prepared(self._engine, _conversation(prompt, chosen), settings).size
        return size.tokens if size else None

    def reply(
        self,
        prompt: Prompt,
        *,
        schema: Schema | None = None,
        grammar: str | None = None,
        **options: Unpack[ReplyOptions],
    ) -> Reply:
        """Return the model's reply; the arguments and errors are those of `stream`."""
        return self.stream(prompt, schema=schema, grammar=grammar, **options).finish()

    def stream(
        self,
        prompt: Prompt,
        *,
        schema: Schema | None = None,
        grammar: str | None = None,
        **options: Unpack[ReplyOptions],
    ) -> Stream:
        """Return the model's reply as a stream of events.

        Args:
            prompt: a question, or the messages of a conversation that ends with one.
            schema: a JSON schema that the answer is held to.
            grammar: a GBNF grammar that the answer is held to.
            options: how to reply this time.

        Raises:
            InvalidSetting: an option is meaningless or out of range.
            GrammarError: the schema or the grammar can't be used.
            PromptInputError, PromptTooLong: the prompt is no text, or too long.
            InferenceError: llama.cpp failed.
        """
        given = values_of(options, ReplyOptions)
        settings, chosen = self.settings(given, schema, grammar)
        conversation = _conversation(prompt, chosen)
        kept = ReplyBuilder(self.name)

        def begin(control: Control) -> Generator[Event, None, None]:
            with self.alone():
                events = generate(self._engine, conversation, settings, control)
                with closing(checked(events, kept, settings.schema)) as events:
                    yield from events

        return Stream(kept, begin)

    def vote(
        self,
        prompt: Prompt,
        votes: int,
        *,
        schema: Schema | None = None,
        **options: Unpack[VoteOptions],
    ) -> VoteResult:
        """Let replies vote on an answer; the arguments and errors are those of `stream_vote`."""
        return self.stream_vote(prompt, votes, schema=schema, **options).finish()

    def stream_vote(
        self,
        prompt: Prompt,
        votes: int,
        *,
        schema: Schema | None = None,
        **options: Unpack[VoteOptions],
    ) -> VoteStream:
        r"""Let replies vote on an answer, by what is in their last `\boxed{}`; return the events.

        Args:
            prompt: as for `stream`.
            votes: the most replies; it ends earlier when the winner is certain.
            schema: a JSON schema: the answers themselves are compared then.
            options: how to vote and how each voter replies.

        Raises:
            R1LocalError: as for `stream`.
        """
        given = values_of(options, VoteOptions)
        reply, chosen = self.settings(given, schema)
        settings, conversation = vote_settings(votes, reply, chosen), _conversation(prompt, chosen)

        def begin(control: Control) -> Generator[VoteEvent, None, None]:
            with self.alone():
                self._make_room_for(votes, control.cancelled)
                held = hold_vote(self._engine, conversation, settings, control, self.name)
                with closing(held) as events:
                    yield from events

        return VoteStream(begin)

    def chat(
        self,
        *,
        save: str | None = None,
        schema: Schema | None = None,
        **options: Unpack[ReplyOptions],
    ) -> "Chat":
        """Begin a conversation, in which the model is given what was said before.

        Args:
            save: the name of a session to save it as; by default nothing is saved.
            schema: a JSON schema that all answers are held to.
            options: how to reply in this chat.

        Raises:
            InvalidSetting: an option is out of range, or there is a session of that name.
            GrammarError: the schema can't be used.
        """
        from r1local.api.chat import Chat  # which asks this model

        return Chat(self, values_of(options, ReplyOptions), save, schema_text(schema))

    def close(self) -> None:
        """Free the model; further calls do nothing."""
        self._engine.close()

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    # For chats

    @property
    def selected(self) -> Selected:
        """Which model it is."""
        return self._selected

    @property
    def engine(self) -> Engine:
        """What runs it: another one after a vote, perhaps."""
        return self._engine

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others from using the engine in the meantime.

        Raises:
            UsageError: somebody else uses it.
        """
        if not self._busy.acquire(blocking=False):
            raise UsageError(
                f"{self.name} is still replying", "exhaust or close the stream that is open"
            )
        try:
            yield
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
            InvalidSetting, GrammarError: as for `stream`.
        """
        chosen = settings_in_force(merged(self._given, given), self._selected.preferred)
        if (structure := _structure(schema, grammar)) is None:
            return reply_settings(chosen), chosen
        settings = replace(
            reply_settings(chosen), grammar=structure.grammar, schema=structure.schema
        )
        return settings, chosen

    def _make_room_for(self, votes: int, cancelled: Callable[[], bool]) -> None:
        """Have as many replies decoded at once as are worth it, for which it is loaded again."""
        at_once = min(votes, MOST_AT_ONCE)
        if self._engine.abilities.resizes and self._engine.at_once < at_once:
            self._engine = self._engine.reopened(cancelled, at_once=at_once)


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


def _conversation(prompt: Prompt, chosen: Settings) -> Conversation:
    """Return the messages of a prompt, with the system prompt if one is set and none is there."""
    messages = (Message("user", prompt),) if isinstance(prompt, str) else tuple(prompt)
    if not messages or messages[-1].role != "user":
        raise UsageError("a prompt ends with the user's message", "add one, with role user")
    system = chosen["system"].value if "system" in chosen else ""
    if system and messages[0].role != "system":
        messages = (Message("system", system), *messages)
    for message in messages:
        check_prompt_text(message.content)
    return messages
