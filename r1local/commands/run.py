"""`r1local run`: one question, one reply, then the end."""

import select
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from r1local import documents
from r1local.answers import final_answer
from r1local.catalog import EMBEDDED_MODEL, find_model
from r1local.conversation import Conversation, Message
from r1local.engine import log
from r1local.errors import (
    EXIT_INTERRUPTED,
    EXIT_NO_ANSWER,
    EXIT_OK,
    OutputError,
    PromptInputError,
)
from r1local.events import AnswerDelta, Event, Finished
from r1local.generation import Control, ReplySettings, reply
from r1local.interruption import interruptible
from r1local.loading import LoadOptions, load
from r1local.settings import OutputFormat, ThinkingMode
from r1local.ui.console import console_for, print_log, print_notice
from r1local.ui.progress import busy
from r1local.ui.renderers import Renderer, renderer_for

#: Seconds between two looks at whether somebody still reads stdout.
_READER_CHECK_S = 0.25


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What `run` was asked for. `model` None means the default one."""

    prompt: str | None
    files: tuple[Path, ...]
    model: str | None
    system: str | None
    thinking: ThinkingMode
    output_format: OutputFormat
    answer_only: bool
    verbose: bool
    loading: LoadOptions
    reply: ReplySettings


def run(options: RunOptions) -> int:
    """Answer one prompt on stdout; return the exit code.

    Raises:
        R1LocalError: with nothing on stdout, unless the reply had begun.
    """
    conversation = _conversation(options)
    model = find_model(options.model or EMBEDDED_MODEL)
    out, err = console_for(sys.stdout), console_for(sys.stderr)
    if options.model is None:
        announcement = f"using the embedded demo model, {model.name}; -m FILE.gguf runs your own"
        print_notice(err, announcement)
    # llama.cpp's log would run into a line that is painted over.
    waiting = nullcontext if options.verbose else partial(busy, err)
    log.show = partial(print_log, err) if options.verbose else None
    renderer = renderer_for(
        out,
        err,
        output_format=options.output_format,
        thinking=options.thinking,
        answer_only=options.answer_only,
        model=model.name,
    )
    control = Control()
    with interruptible(control):
        with waiting(f"loading {model.name}"):
            loaded = load(model.path, options.loading, control.cancelled)
        events = reply(loaded.model, loaded.template, conversation, options.reply, control)
        with loaded.model, closing(events), closing(renderer):
            with waiting("reading the prompt"):
                first = next(events)
            code = _show(chain(loaded.notices, [first], events), renderer, options)
    if code == EXIT_NO_ANSWER and not options.answer_only:
        print_notice(err, "no answer: the reply ended inside its thought, or was empty")
    return code


def _show(events: Iterable[Event], renderer: Renderer, options: RunOptions) -> int:
    """Render a reply to its end; return the exit code it stands for."""
    answer: list[str] = []
    finished: Finished | None = None
    next_check = 0.0
    for event in events:
        if isinstance(event, AnswerDelta):
            answer.append(event.text)
        elif isinstance(event, Finished):
            finished = event
        with _output_errors():
            renderer.handle(event)
        if time.monotonic() > next_check:
            _check_reader()
            next_check = time.monotonic() + _READER_CHECK_S
    if finished and finished.reason == "cancelled":
        return EXIT_INTERRUPTED
    return EXIT_OK if _answered("".join(answer), finished, options) else EXIT_NO_ANSWER


def _answered(answer: str, finished: Finished | None, options: RunOptions) -> bool:
    """The reply holds what was asked for."""
    if options.thinking == "only":
        return finished is not None and not finished.thinking_open
    if options.answer_only:
        return final_answer(answer) is not None
    return bool(answer.strip())


def _conversation(options: RunOptions) -> Conversation:
    """The messages to send: a system prompt if one is given, and the question."""
    question = options.prompt
    attached = [documents.read_document(path) for path in options.files]
    piped = _piped_text()
    if question is None:
        question = piped
    elif piped:
        attached.insert(0, documents.Document("stdin", piped))
    if not question.strip():
        raise PromptInputError(
            "there is no prompt", 'give one: r1local run "…", or pipe one into r1local run'
        )
    user = Message("user", documents.question_with_documents(question, attached))
    messages = (Message("system", options.system), user) if options.system else (user,)
    for message in messages:
        _check_text(message.content)
    return messages


def _check_text(text: str) -> None:
    """Refuse what the shell passed on although it is no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PromptInputError(
            "the prompt is not valid UTF-8", "type it again, or check the terminal's encoding"
        ) from error


def _piped_text() -> str:
    """What stdin holds, unless it is a terminal."""
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    return documents.read_text(sys.stdin.buffer, "the text piped in")


def _check_reader() -> None:
    """Notice that nobody reads stdout any more, also while there is nothing to write.

    Raises:
        BrokenPipeError: the other end of the pipe is closed.
    """
    if not hasattr(select, "poll"):  # Windows: the next write notices
        return
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    if any(events & select.POLLERR for _fd, events in poll.poll(0)):
        raise BrokenPipeError


@contextmanager
def _output_errors() -> Iterator[None]:
    """Translate what writing the reply can fail with."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            f"the reply can't be written: {error.strerror}", "free some room, or write elsewhere"
        ) from error
