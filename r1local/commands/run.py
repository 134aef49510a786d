"""`r1local run`: one question, one reply, then the end."""

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from itertools import chain
from threading import Thread, Timer
from typing import TYPE_CHECKING, Protocol, TypeVar

from r1local.answers.boxed import final_answer
from r1local.commands.asking import (
    PIPED,
    STDIN,
    Asked,
    Prepared,
    RunOptions,
    attention,
    can_be_told,
    preparing,
    screen,
    tell,
)
from r1local.conversation import Reply
from r1local.errors import (
    EXIT_NO_ANSWER,
    EXIT_OK,
    LoadingCancelled,
    PromptTooLong,
    UsageError,
)
from r1local.events.reply import Event, Notice
from r1local.events.reply_builder import ReplyBuilder
from r1local.language import N_, _
from r1local.opening import open_engine
from r1local.prompts import documents
from r1local.prompts.documents import Document
from r1local.replies.control import Control
from r1local.replies.engine import Engine, generate, never_begun
from r1local.replies.interruption import Interruption, interruptible

if TYPE_CHECKING:
    from r1local.events.vote import VoteEvent

#: What a reply needs that a model being loaded doesn't; imported meanwhile.
_NEEDED_TO_REPLY = (
    "r1local.prompts.chat_template",
    "r1local.replies.local",
    "r1local.ui.reading",
    "r1local.ui.replies.text",
)
#: What it needs besides if one of its streams is a terminal, and if the answer goes to one.
_NEEDED_ON_A_TERMINAL = ("r1local.ui.attention.attention", "r1local.ui.replies.thinking")
_NEEDED_FOR_MARKDOWN = ("r1local.ui.markdown.view",)
#: Seconds for which an import may hold the interpreter while a callback of llama.cpp waits.
_QUICK_SWITCH_S = 1e-4
#: Seconds after which it is said that stdin is being waited for.
_PATIENCE_S = 1.0
_WAITS_FOR_STDIN = N_("waiting for the end of stdin; </dev/null or --no-stdin says there is none")
#: Of a reply, or of a vote.
EventT = TypeVar("EventT", bound="Event | VoteEvent")
EventT_contra = TypeVar("EventT_contra", contravariant=True)


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
    with preparing(options, question_of(options)) as prepared:
        return _reply(options, prepared)


def _reply(options: RunOptions, prepared: Prepared) -> int:
    """Let the model reply, and show what happens; return the exit code."""
    if options.answer_only and prepared.settings.grammar:
        # An answer in a given form is final as it is.
        options = replace(options, answer_only=False, thinking="hide")
    kept = ReplyBuilder(prepared.model.name)
    settings = prepared.settings

    def renderer() -> EventRenderer[Event]:
        from r1local.ui.console import output_for
        from r1local.ui.replies.text import renderer_for

        return renderer_for(
            output_for(sys.stdout),
            output_for(sys.stderr),
            kept,
            output_format=options.output_format,
            thinking=options.thinking,
            answer_only=options.answer_only,
            code=options.code,
            json=settings.schema is not None,
        )

    def replying(engine: Engine, control: Control) -> Generator[Event, None, None]:
        if prepared.exchange:
            return prepared.exchange.reply(engine, control)
        events = generate(engine, prepared.conversation, settings, control)
        if settings.schema is None:
            return events
        from r1local.replies.structured_output import checked

        return checked(events, kept, settings.schema)

    cancelled = partial(never_begun, settings)
    interruption = show_events(prepared, replying, cancelled, renderer, kept.handle)
    reply = kept.reply()
    if reply.reason == "cancelled":
        return interruption.exit_code
    code, why_none = _outcome(reply, options)
    if why_none and not options.answer_only:
        tell(_("no answer: {why_none}", why_none=why_none))
    return code


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
        cancelled: makes its only event if it is cancelled before it begins.
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
        with waiting(_("loading {label}", label=model.label)), prepared.opening():
            engine = open_engine(
                model,
                prepared.chosen,
                interruption.cancelled,
                at_once=prepared.at_once,
                meanwhile=partial(_importing, _needed()),
            )
        with closing(engine), closing(replying(engine, interruption)) as events:
            yield from engine.notices
            _tell_tokens(engine, prepared, interruption)
            with _naming_documents(engine, prepared, interruption):
                yield from _watched(events, prepared)
    except LoadingCancelled:
        yield cancelled()


def _watched(
    events: Generator[EventT, None, None], prepared: Prepared
) -> Generator[EventT, None, None]:
    """Yield the events; say how the prompt is read, and what comes to who looks elsewhere."""
    from r1local.ui.reading import reading_shown  # imported while the model was loaded

    if not can_be_told(prepared.chosen):
        yield from reading_shown(events, prepared.waiting)
        return
    budget = prepared.settings.thinking.budget
    with closing(attention(prepared.chosen)) as watching:
        watched = watching.watched(events, budget, prepared.votes)
        yield from reading_shown(watched, prepared.waiting)


def _needed() -> tuple[str, ...]:
    """Return the modules that a reply needs and a model being loaded doesn't."""
    return (
        *_NEEDED_TO_REPLY,
        *(_NEEDED_ON_A_TERMINAL if screen().isatty() else ()),
        *(_NEEDED_FOR_MARKDOWN if sys.stdout.isatty() else ()),
    )


def _tell_tokens(engine: Engine, prepared: Prepared, control: Control) -> None:
    """Say on a terminal what is attached, before anything is evaluated."""
    if prepared.documents and sys.stderr.isatty():
        tell(_("attached: {documents}", documents=_with_tokens(engine, prepared, control)))


@contextmanager
def _naming_documents(engine: Engine, prepared: Prepared, control: Control) -> Iterator[None]:
    """Say which documents it is that make a prompt too long."""
    try:
        yield
    except PromptTooLong as error:
        if not prepared.documents:
            raise
        told = _(
            "leave out some of what is attached: {documents}",
            documents=_with_tokens(engine, prepared, control),
        )
        raise PromptTooLong(error.message, f"{error.hint}; {told}") from error


def _with_tokens(engine: Engine, prepared: Prepared, control: Control) -> str:
    from r1local.commands.attaching import with_tokens

    return with_tokens(engine, prepared.documents, prepared.settings, control.cancelled)


@contextmanager
def _importing(names: Sequence[str], others: Sequence[str]) -> Iterator[None]:
    """Import modules meanwhile: llama.cpp reads a file without Python, but for its callbacks."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_QUICK_SWITCH_S)
    Thread(target=_import_all, args=((*names, *others),), daemon=True).start()
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def _import_all(names: Sequence[str]) -> None:
    with suppress(Exception):  # whoever needs them gets the error
        for name in names:
            import_module(name)


def _outcome(reply: Reply, options: RunOptions) -> tuple[int, str | None]:
    """Return the outcome of a reply, as it is kept.

    Returns:
        The exit code, and why there is no answer if no event has said so.
    """
    thought_only = options.thinking == "only"
    if thought_only:
        got = bool(reply.thinking) and not reply.thinking_open
    elif options.code and reply.answer.strip():
        if options.code.find(reply) is None:
            said = options.output_format == "text"
            return EXIT_NO_ANSWER, None if said else options.code.why_none(reply)
        got = True
    elif options.answer_only:
        got = final_answer(reply.answer) is not None
    else:
        got = bool(reply.answer.strip())
    if not got:
        if reply.thinking_open:
            return EXIT_NO_ANSWER, _("the reply ended inside its thought")
        return EXIT_NO_ANSWER, _("there was no thought") if thought_only else _(
            "the reply was empty"
        )
    if reply.reason == "loop" or reply.valid is False:
        return EXIT_NO_ANSWER, None
    if reply.reason == "length" and options.grammar:
        return EXIT_NO_ANSWER, _("it was cut by the token limit before it was whole")
    return EXIT_OK, None


def question_of(options: RunOptions) -> Asked:
    """Return the prompt, in the preset's if there is one, and the documents that it is about."""
    if STDIN in options.files and not options.reads_stdin:
        raise UsageError(
            _("--no-stdin leaves out what -f - attaches"), _("leave out one of the two")
        )
    piped = _piped() if options.reads_stdin else b""
    question, preset, files = options.prompt, options.preset, options.files
    begins = preset is not None and preset.begins
    if question is None and STDIN not in files and not begins:
        question = documents.text_in(piped, _(PIPED))
    elif piped and STDIN not in files:
        files = (STDIN, *files)
    attached = _attached(files, piped, options)
    if files != options.files:
        told = _(
            "stdin is attached as a document of {count:,} characters", count=len(attached[0].text)
        )
        tell(_("{told}; --no-stdin leaves it out", told=told))
    typed = question
    if preset:
        question = preset.ask(question)
    if not question or not question.strip():
        raise UsageError(
            _("there is no prompt"), _('give one: r1local run "…", or pipe one into r1local run')
        )
    text = documents.question_with_documents(question, attached)
    return Asked(text, (typed or question) if text != typed else None, attached)


def _attached(files: Sequence[str], piped: bytes, options: RunOptions) -> tuple[Document, ...]:
    """Read what is attached, and say what isn't as was asked."""
    if not files:
        return ()
    from r1local.commands.attaching import attached

    read = attached(files, piped, private=options.fetches_private)
    for notice in read.notices:
        tell(notice)
    return read.documents


def _piped() -> bytes:
    """Read stdin, unless it is a terminal; say so if that keeps the user waiting."""
    if sys.stdin is None or sys.stdin.isatty():
        return b""
    waiting = Timer(_PATIENCE_S, tell, (_(_WAITS_FOR_STDIN),))
    waiting.daemon = True
    waiting.start()
    try:
        return documents.read_bytes(sys.stdin.buffer, _(PIPED))
    finally:
        waiting.cancel()
