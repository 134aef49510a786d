"""What `run` is asked, made ready: the model, the session, the settings, the conversation."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO, TypeAlias

from r1local.commands.model_choice import choose_model
from r1local.config.options import NOTIFY_WORDS, OutputFormat, ThinkingMode
from r1local.config.preferences import Settings, as_set, settings_in_force, value_in
from r1local.config.presets import PresetQuestion
from r1local.conversation import Conversation, Message
from r1local.language import N_, _
from r1local.models.selection import Chosen
from r1local.opening import show_log
from r1local.prompts import documents
from r1local.prompts.documents import Document
from r1local.replies.settings import ReplySettings, reply_settings
from r1local.ui.progress import busy

if TYPE_CHECKING:  # most questions need none of these
    from r1local.commands.logged import Exchange
    from r1local.replies.structured_output import Structure
    from r1local.sessions.recorder import Recorder
    from r1local.ui.attention.attention import Attention
    from r1local.ui.replies.code import CodeWanted

#: The file name that stands for stdin, and what errors call what it holds.
STDIN, PIPED = "-", N_("the text piped in")
#: Says, while it lasts, what is being waited for.
Waiting: TypeAlias = Callable[[str | Callable[[], str]], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What `run` was asked for.

    Args:
        model: None means the default one.
        given: the values that the command line has, by the names of options.
        json_schema: a JSON schema that holds the answer, or its file.
        grammar: a file of GBNF that does.
        files: what is attached: paths, patterns, addresses, or `-` for stdin.
        reads_stdin: what stdin holds counts.
        fetches_private: addresses may be ones of this machine and its networks.
        preset: the preset whose prompt the question is put into.
        log: keep the question and its reply as a session.
        session: the session's name; None is a new one, or the last one if it `goes_on`.
        goes_on: the session must be there.
        code: print nothing of the answer but this code block.
    """

    prompt: str | None
    files: tuple[str, ...]
    model: str | None
    thinking: ThinkingMode
    output_format: OutputFormat
    answer_only: bool
    verbose: bool
    given: Mapping[str, Any]
    json_schema: str | None = None
    grammar: Path | None = None
    reads_stdin: bool = True
    fetches_private: bool = False
    preset: PresetQuestion | None = None
    log: bool = False
    session: str | None = None
    goes_on: bool = False
    code: "CodeWanted | None" = None


class Asked(NamedTuple):
    """A question: the whole text, as it was typed if that differs, and its documents."""

    text: str
    typed: str | None = None
    documents: tuple[Document, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `run` was asked, made ready: all that is known before the model is loaded.

    Args:
        chosen: what is set of all options.
        documents: what is attached to the question.
        at_once: the number of replies that are wanted at the same time.
        waiting: says on stderr, while it lasts, what is being waited for.
        votes: the number of voters in a vote.
        exchange: the same as a session keeps it, if one does.
        opening: entered while the model is opened; may say more of an error.
    """

    conversation: Conversation
    model: Chosen
    settings: ReplySettings
    chosen: Settings
    waiting: Waiting
    documents: tuple[Document, ...] = ()
    at_once: int = 1
    votes: int | None = None
    exchange: "Exchange | None" = None
    opening: Callable[[], AbstractContextManager[object]] = nullcontext


@contextmanager
def preparing(options: RunOptions, asked: Asked, votes: int | None = None) -> Iterator[Prepared]:
    """Choose session and model, and merge settings; say what should be known.

    Args:
        asked: the question. If its text is piped in, it may come from a command that goes on with
            the same session, which is free only now.
        votes: the number of replies that vote.

    Raises:
        R1LocalError: there is no such session or model, or a setting that can't be.
    """
    if not (options.log or options.session or options.goes_on):
        yield _prepared(options, asked)
        return
    from r1local.commands.logged import open_session

    with closing(open_session(options.session, goes_on=options.goes_on)) as recorder:
        yield _prepared_in(recorder, options, asked, votes)


def _prepared(options: RunOptions, asked: Asked) -> Prepared:
    model = choose_model(options.model, options.given)
    chosen = settings_in_force(options.given, model.preferred)
    system = chosen["system"].value if "system" in chosen else ""
    return _made_ready(options, asked, model, chosen, reply_settings(chosen), system)


def _prepared_in(
    recorder: "Recorder", options: RunOptions, asked: Asked, votes: int | None
) -> Prepared:
    """Do as `_prepared` in a session, which has its own model, settings and system prompt."""
    from r1local.chat import session_settings
    from r1local.commands.logged import Exchange, command_for
    from r1local.sessions.records import Question

    session_settings.keep_preset(options.given, recorder)
    if gone := session_settings.missing_preset(recorder):
        tell(_("config.toml no longer has the session's preset, {gone}", gone=gone))
    again = command_for(recorder.name, named=options.session is not None)
    opening = partial(session_settings.way_to_go_on, options.model, recorder, again)
    with opening():
        named = session_settings.session_model(options.model, options.given, recorder)
        model = choose_model(named, options.given)
    chosen = settings_in_force(session_settings.given_in(options.given, recorder), model.preferred)
    system = session_settings.system_of(options.given, model, recorder)
    settings = session_settings.settings_of(options.given, model, recorder)
    prepared = _made_ready(options, asked, model, chosen, settings, system or "")
    names = tuple(document.name for document in asked.documents)
    question = Question(asked.text, asked.typed, names if asked.typed else None, votes)
    exchange = Exchange(question, model, prepared.settings, system, recorder)
    return replace(prepared, exchange=exchange, opening=opening)


def _made_ready(
    options: RunOptions,
    asked: Asked,
    model: Chosen,
    chosen: Settings,
    settings: ReplySettings,
    system: str,
) -> Prepared:
    """Add the form of the answer, and say what should be known."""
    structure = _structure(options)
    settings = replace(
        settings,
        only_thinking=options.thinking == "only",
        grammar=structure.grammar if structure else None,
        schema=structure.schema if structure and options.thinking != "only" else None,
    )
    if model.note:
        tell(model.note)
    if system and model.known and model.known.system_prompt is False:
        tell(_("DeepSeek recommends no system prompt for {name}", name=model.name))
    if structure and structure.notice:
        tell(structure.notice)
    # llama.cpp's log would run into a line that is painted over.
    waiting: Waiting = nullcontext if options.verbose else partial(busy, sys.stderr)
    show_log(_log_printer() if options.verbose else None)
    if value_in(chosen, "notify") not in NOTIFY_WORDS:
        attention(chosen)  # refuses a command that there isn't, before the model is loaded
    conversation = _conversation(system, asked.text)
    return Prepared(conversation, model, settings, chosen, waiting, asked.documents)


def _structure(options: RunOptions) -> "Structure | None":
    if options.json_schema is None and options.grammar is None:
        return None
    from r1local.replies.structured_output import structure_of

    return structure_of(options.json_schema, options.grammar)


def _conversation(system: str, question: str) -> Conversation:
    """Return the messages to send: a system prompt if one is given, and the question."""
    user = Message("user", question)
    messages = (Message("system", system), user) if system else (user,)
    for message in messages:
        documents.check_prompt_text(message.content)
    return messages


def can_be_told(chosen: Settings) -> bool:
    """Return whether there is a terminal or a program that can tell of a reply's end."""
    return value_in(chosen, "notify") not in NOTIFY_WORDS or screen().isatty()


def attention(chosen: Settings, stream: TextIO | None = None) -> "Attention":
    """Return the attention of who asked, and may look elsewhere than at a stream.

    Raises:
        UsageError, InvalidSetting: the command that is to tell them isn't there.
    """
    from r1local.ui.attention.attention import attention_on

    notify, after_s = value_in(chosen, "notify"), value_in(chosen, "notify-after")
    with as_set(chosen, "notify"):
        return attention_on(stream or screen(), notify, after_s)


def screen() -> TextIO:
    """Return the stream that is a terminal, if one is."""
    return sys.stderr if sys.stderr.isatty() else sys.stdout


def tell(message: str) -> None:
    """Print a notice on stderr."""
    from r1local.ui.console import output_for, print_notice

    print_notice(output_for(sys.stderr), message)


def _log_printer() -> Callable[[str], None]:
    from r1local.ui.console import output_for, print_log

    return partial(print_log, output_for(sys.stderr))
