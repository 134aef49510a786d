"""A model that programs ask: for one reply, for a vote, or in a chat."""

import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, Unpack, get_args

from r1local.api.chat import Chat
from r1local.api.options import ModelOptions, ReplyOptions, VoteOptions, values_of
from r1local.api.shared_engine import Schema, SharedEngine, schema_text
from r1local.api.stream import Stream, VoteStream
from r1local.config.paths import user_models
from r1local.config.preferences import Settings, settings_in_force
from r1local.conversation import Conversation, Message, Reply, Role
from r1local.engine.background import uninterrupted
from r1local.errors import UsageError
from r1local.events.reply import Event, Notice
from r1local.events.reply_builder import ReplyBuilder
from r1local.events.vote import VoteEvent, VoteResult
from r1local.models.catalog import load_catalog
from r1local.models.selection import Chosen, choose
from r1local.opening import open_engine
from r1local.prompts.documents import check_prompt_text
from r1local.replies.control import Control
from r1local.replies.engine import Engine, generate, prepared
from r1local.replies.structured_output import checked
from r1local.voting.election import hold_vote
from r1local.voting.settings import vote_settings

#: A question, or the messages of a conversation, of which the last is the question.
Prompt: TypeAlias = str | Sequence[Message]


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
    return uninterrupted(lambda given_up: opened(model, options, given_up))


def opened(
    model: str | os.PathLike[str] | None,
    options: Mapping[str, Any],
    cancelled: Callable[[], bool],
) -> "Model":
    """Load a model as `load` does, in this thread.

    Raises:
        LoadingCancelled: `cancelled` returned True.
        R1LocalError: as for `load`.
    """
    given = values_of(options, ModelOptions)
    reference = model if model is None or isinstance(model, str) else str(Path(model).absolute())
    selected = choose(reference, load_catalog(user_models()))
    chosen = settings_in_force(given, selected.preferred)
    return Model(selected, open_engine(selected, chosen, cancelled), given)


class Model:
    """A model that is ready to reply; `load` makes it.

    It writes one reply at a time: any thread may ask, but asking while a stream is open is a
    `UsageError`. Several replies to one question are a vote.

    Args:
        selected: which model it is.
        engine: what runs it; `close` closes it.
        given: options that hold for all replies, by their names.
    """

    def __init__(self, selected: Chosen, engine: Engine, given: Mapping[str, Any]) -> None:
        self._shared = SharedEngine(selected, engine, given)

    @property
    def name(self) -> str:
        """The name of the model."""
        return self._shared.selected.name

    @property
    def details(self) -> str:
        """How and where it runs, in a few words, such as its quantization."""
        return self._shared.engine.details

    @property
    def context_window(self) -> int | None:
        """Most tokens of prompt and reply together; None if an engine elsewhere doesn't say."""
        return self._shared.engine.context_window

    @property
    def notices(self) -> Sequence[Notice]:
        """What a user should know about how it was loaded."""
        return tuple(self._shared.engine.notices)

    def count_tokens(self, prompt: Prompt, *, system: str | None = None) -> int | None:
        """Return how many tokens a prompt has; None if the engine doesn't know.

        Raises:
            ChatTemplateError: the model's template can't render it.
        """
        self._shared.require_open()
        settings, chosen = self._shared.settings(values_of({"system": system}, ReplyOptions))
        size = prepared(self._shared.engine, _conversation(prompt, chosen), settings).size
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
        settings, chosen = self._shared.settings(given, schema, grammar)
        conversation = _conversation(prompt, chosen)
        kept = ReplyBuilder(self.name)

        def begin(control: Control) -> Generator[Event, None, None]:
            with self._shared.alone(control):
                events = generate(self._shared.engine, conversation, settings, control)
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
        reply, chosen = self._shared.settings(given, schema)
        settings, conversation = vote_settings(votes, reply, chosen), _conversation(prompt, chosen)

        def begin(control: Control) -> Generator[VoteEvent, None, None]:
            with self._shared.alone(control):
                self._shared.make_room_for(votes, control.cancelled)
                held = hold_vote(self._shared.engine, conversation, settings, control, self.name)
                with closing(held) as events:
                    yield from events

        return VoteStream(begin)

    def chat(
        self,
        *,
        save: str | None = None,
        schema: Schema | None = None,
        **options: Unpack[ReplyOptions],
    ) -> Chat:
        """Begin a conversation, in which the model is given what was said before.

        Args:
            save: the name of a session to save it as; by default nothing is saved.
            schema: a JSON schema that all answers are held to.
            options: how to reply in this chat.

        Raises:
            InvalidSetting: an option is out of range, or there is a session of that name.
            UsageError: a session can't have that name.
            GrammarError: the schema can't be used.
        """
        given = values_of(options, ReplyOptions)
        return Chat(self._shared, given, save, schema_text(schema))

    def close(self) -> None:
        """Free the model; further calls do nothing. A reply under way is cancelled first."""
        self._shared.close()

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def _conversation(prompt: Prompt, chosen: Settings) -> Conversation:
    """Return the messages of a prompt, with the system prompt if one is set and none is there."""
    messages = _messages(prompt)
    if not messages or messages[-1].role != "user":
        raise UsageError("a prompt ends with the user's message", "add one, with role user")
    system = chosen["system"].value if "system" in chosen else ""
    if system and messages[0].role != "system":
        messages = (Message("system", system), *messages)
    for message in messages:
        check_prompt_text(message.content)
    return messages


def _messages(prompt: Prompt) -> Conversation:
    if isinstance(prompt, str):
        return (Message("user", prompt),)
    given: object = prompt  # a program without types may give anything
    messages = tuple(given) if isinstance(given, Iterable) else (given,)
    for message in messages:
        if not isinstance(message, Message) or message.role not in get_args(Role):
            raise UsageError(
                f"{message!r:.60} is no message",
                'a prompt is text, or messages such as r1local.Message("user", "…")',
            )
    return messages
