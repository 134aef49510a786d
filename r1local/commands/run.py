"""`r1local run`: one question, one reply, then the end."""

import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from itertools import chain
from pathlib import Path
from threading import Thread, Timer
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from r1local.answers.boxed import final_answer
from r1local.commands.model_choice import choose_model
from r1local.config.options import OutputFormat, ThinkingMode
from r1local.config.preferences import Settings, settings_in_force
from r1local.conversation import Conversation, Message, Reply
from r1local.errors import (
    EXIT_NO_ANSWER,
    EXIT_OK,
    LoadingCancelled,
    PromptTooLong,
    UsageError,
)
from r1local.events.reply import Event, Notice
from r1local.events.reply_builder import ReplyBuilder
from r1local.models.selection import Chosen
from r1local.opening import open_engine, show_log
from r1local.prompts import documents
from r1local.prompts.documents import Document
from r1local.replies.control import Control
from r1local.replies.engine import Engine, generate, never_begun
from r1local.replies.interruption import Interruption, interruptible
from r1local.replies.settings import ReplySettings, reply_settings
from r1local.ui.progress import busy

if TYPE_CHECKING:
    from r1local.replies.structured_output import Structure

#: What a reply needs that a model being loaded doesn't; imported meanwhile.
_NEEDED_TO_REPLY = (
    "r1local.prompts.chat_template",
    "r1local.prompts.template_sandbox",
    "r1local.replies.local",
    "r1local.replies.structured_output",
    "r1local.ui.replies.text",
)
#: Seconds for which an import may hold the interpreter while a callback of llama.cpp waits.
_QUICK_SWITCH_S = 1e-4
#: The file name that stands for stdin.
_STDIN = "-"
#: What errors call what stdin holds.
_PIPED = "the text piped in"
#: Seconds after which it is said that stdin is being waited for.
_PATIENCE_S = 1.0
_WAITS_FOR_STDIN = "waiting for the end of stdin; </dev/null or --no-stdin says there is none"
#: Says, while it lasts, what is being waited for.
Waiting: TypeAlias = Callable[[str], AbstractContextManager[object]]
#: Of a reply, or of a vote.
EventT = TypeVar("EventT")
EventT_contra = TypeVar("EventT_contra", contravariant=True)


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


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `run` was asked, made ready: all that is known before the model is loaded.

    Args:
        chosen: what is set of all options.
        documents: what is attached to the question.
        at_once: the number of replies that are wanted at the same time.
        waiting: says on stderr, while it lasts, what is being waited for.
    """

    conversation: Conversation
    model: Chosen
    settings: ReplySettings
    chosen: Settings
    waiting: Waiting
    documents: tuple[Document, ...] = ()
    at_once: int = 1


class EventRenderer(Protocol[EventT_contra]):
    """Shows the events of a reply or of a vote, in order."""

    def handle(self, event: EventT_contra, /) -> None:
        """Show or write one event."""

    def close(self) -> None:
        """Leave the streams whole."""


def run(options: RunOptions) -> int:
    """Answer one prompt on stdout; return the exit code.

    Raises:
        R1LocalError: with nothing on stdout, unless the reply had begun.
    """
    prepared = prepare(options)
    if options.answer_only and prepared.settings.grammar:
        # An answer in a given form is final as it is.
        options = replace(options, answer_only=False, thinking="hide")
    kept = ReplyBuilder(prepared.model.name)
    settings = prepared.settings

    def renderer() -> EventRenderer[Event]:
        from r1local.ui.console import console_for
        from r1local.ui.replies.text import renderer_for

        return renderer_for(
            console_for(sys.stdout),
            console_for(sys.stderr),
            kept,
            output_format=options.output_format,
            thinking=options.thinking,
            answer_only=options.answer_only,
            json=settings.schema is not None,
        )

    def replying(engine: Engine, control: Control) -> Generator[Event, None, None]:
        from r1local.replies.structured_output import checked

        events = generate(engine, prepared.conversation, settings, control)
        return checked(events, kept, settings.schema)

    cancelled = partial(never_begun, settings)
    interruption = show_events(prepared, replying, cancelled, renderer, kept.handle)
    reply = kept.reply()
    if reply.reason == "cancelled":
        return interruption.exit_code
    code, why_none = _outcome(reply, options)
    if why_none and not options.answer_only:
        tell(f"no answer: {why_none}")
    return code


def prepare(options: RunOptions) -> Prepared:
    """Read the prompt, choose the model and merge its settings; say what should be known.

    Raises:
        R1LocalError: there is no prompt, no such model, or a setting that can't be.
    """
    question, attached = _asked(options)
    structure = _structure(options)
    model = choose_model(options.model)
    chosen = settings_in_force(options.given, model.preferred)
    system = chosen["system"].value if "system" in chosen else ""
    settings = replace(
        reply_settings(chosen),
        only_thinking=options.thinking == "only",
        grammar=structure.grammar if structure else None,
        schema=structure.schema if structure and options.thinking != "only" else None,
    )
    if model.note:
        tell(model.note)
    if system and model.known and model.known.system_prompt is False:
        tell(f"DeepSeek recommends no system prompt for {model.name}")
    if structure and structure.notice:
        tell(structure.notice)
    # llama.cpp's log would run into a line that is painted over.
    waiting: Waiting = nullcontext if options.verbose else partial(busy, sys.stderr)
    show_log(_log_printer() if options.verbose else None)
    conversation = _conversation(system, documents.question_with_documents(question, attached))
    return Prepared(conversation, model, settings, chosen, waiting, attached)


def show_events(
    prepared: Prepared,
    replying: Callable[[Engine, Control], Generator[EventT, None, None]],
    cancelled: Callable[[], EventT],
    renderer: Callable[[], EventRenderer[EventT | Notice]],
    keep: Callable[[EventT | Notice], None],
) -> Interruption:
    """Load the model, let it reply, and show what happens; return what interrupted it, if anything.

    Args:
        replying: begins the reply, or the vote.
        cancelled: makes its only event if it is cancelled before the model is loaded.
        renderer: makes what shows the events, once there is one.
        keep: takes each event before the renderer does.

    Raises:
        BrokenPipeError: nobody reads stdout any more.
    """
    with (
        interruptible() as interruption,
        closing(_events(prepared, replying, cancelled, interruption)) as events,
    ):
        first = next(events)
        with closing(renderer()) as shown:
            for event in chain((first,), events):
                keep(event)
                shown.handle(event)
        if interruption.reader_gone:
            raise BrokenPipeError
    return interruption


def _events(
    prepared: Prepared,
    replying: Callable[[Engine, Control], Generator[EventT, None, None]],
    cancelled: Callable[[], EventT],
    interruption: Interruption,
) -> Generator[EventT | Notice, None, None]:
    """Load the model and let it reply."""
    model, waiting = prepared.model, prepared.waiting
    try:
        with waiting(f"loading {model.label}"):
            engine = open_engine(
                model,
                prepared.chosen,
                interruption.cancelled,
                at_once=prepared.at_once,
                meanwhile=_importing(_NEEDED_TO_REPLY),
            )
    except LoadingCancelled:
        yield cancelled()
        return
    with closing(engine), closing(replying(engine, interruption)) as events:
        yield from engine.notices
        _tell_tokens(engine, prepared)
        with waiting("reading the prompt"), _naming_documents(engine, prepared):
            first = next(events)
        yield first
        yield from events


def _tell_tokens(engine: Engine, prepared: Prepared) -> None:
    """Say on a terminal what is attached, before anything is evaluated."""
    if prepared.documents and sys.stderr.isatty():
        tell(f"attached: {_with_tokens(engine, prepared)}")


@contextmanager
def _naming_documents(engine: Engine, prepared: Prepared) -> Iterator[None]:
    """Say which documents it is that make a prompt too long."""
    try:
        yield
    except PromptTooLong as error:
        if not prepared.documents:
            raise
        told = f"leave out some of what is attached: {_with_tokens(engine, prepared)}"
        raise PromptTooLong(error.message, f"{error.hint}; {told}") from error


def _with_tokens(engine: Engine, prepared: Prepared) -> str:
    from r1local.commands.attaching import with_tokens

    return with_tokens(engine, prepared.documents, prepared.settings)


@contextmanager
def _importing(names: Sequence[str]) -> Iterator[None]:
    """Import modules meanwhile: llama.cpp reads a file without Python, but for its callbacks."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_QUICK_SWITCH_S)
    Thread(target=_import_all, args=(names,), daemon=True).start()
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def _import_all(names: Sequence[str]) -> None:
    with suppress(Exception):  # whoever needs them gets the error
        for name in names:
            import_module(name)


def tell(message: str) -> None:
    """Print a notice on stderr."""
    from r1local.ui.console import console_for, print_notice

    print_notice(console_for(sys.stderr), message)


def _log_printer() -> Callable[[str], None]:
    from r1local.ui.console import console_for, print_log

    return partial(print_log, console_for(sys.stderr))


def _structure(options: RunOptions) -> "Structure | None":
    if options.json_schema is None and options.grammar is None:
        return None
    from r1local.replies.structured_output import structure_of

    return structure_of(options.json_schema, options.grammar)


def _outcome(reply: Reply, options: RunOptions) -> tuple[int, str | None]:
    """Return the outcome of a reply, as it is kept.

    Returns:
        The exit code, and why there is no answer if no event has said so.
    """
    thought_only = options.thinking == "only"
    if thought_only:
        got = bool(reply.thinking) and not reply.thinking_open
    elif options.answer_only:
        got = final_answer(reply.answer) is not None
    else:
        got = bool(reply.answer.strip())
    if not got:
        if reply.thinking_open:
            return EXIT_NO_ANSWER, "the reply ended inside its thought"
        return EXIT_NO_ANSWER, "there was no thought" if thought_only else "the reply was empty"
    if reply.reason == "loop" or reply.valid is False:
        return EXIT_NO_ANSWER, None
    if reply.reason == "length" and options.grammar:
        return EXIT_NO_ANSWER, "it was cut by the token limit before it was whole"
    return EXIT_OK, None


def _asked(options: RunOptions) -> tuple[str, tuple[Document, ...]]:
    """Return the prompt, and the documents that it is about."""
    if _STDIN in options.files and not options.reads_stdin:
        raise UsageError("--no-stdin leaves out what -f - attaches", "leave out one of the two")
    piped = _piped() if options.reads_stdin else b""
    question = options.prompt
    files = options.files
    if question is None and _STDIN not in files:
        question = documents.text_in(piped, _PIPED)
    elif piped and _STDIN not in files:
        files = (_STDIN, *files)
    attached = _attached(files, piped, options)
    if files != options.files:
        told = f"stdin is attached as a document of {len(attached[0].text):,} characters"
        tell(f"{told}; --no-stdin leaves it out")
    if not question or not question.strip():
        raise UsageError(
            "there is no prompt", 'give one: r1local run "…", or pipe one into r1local run'
        )
    return question, attached


def _attached(files: Sequence[str], piped: bytes, options: RunOptions) -> tuple[Document, ...]:
    """Read what is attached, and say what isn't as was asked."""
    if not files:
        return ()
    from r1local.commands.attaching import attached

    read = attached(files, piped, private=options.fetches_private)
    for notice in read.notices:
        tell(notice)
    return read.documents


def _conversation(system: str, question: str) -> Conversation:
    """Return the messages to send: a system prompt if one is given, and the question."""
    user = Message("user", question)
    messages = (Message("system", system), user) if system else (user,)
    for message in messages:
        documents.check_prompt_text(message.content)
    return messages


def _piped() -> bytes:
    """Read stdin, unless it is a terminal; say so if that keeps the user waiting."""
    if sys.stdin is None or sys.stdin.isatty():
        return b""
    waiting = Timer(_PATIENCE_S, tell, (_WAITS_FOR_STDIN,))
    waiting.daemon = True
    waiting.start()
    try:
        return documents.read_bytes(sys.stdin.buffer, _PIPED)
    finally:
        waiting.cancel()
