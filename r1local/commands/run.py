"""`r1local run`: one question, one reply, then the end."""

import signal
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from r1local import documents
from r1local.answers import final_answer
from r1local.catalog import catalog
from r1local.conversation import Conversation, Message
from r1local.engine import log
from r1local.errors import (
    EXIT_NO_ANSWER,
    EXIT_OK,
    LoadingCancelled,
    ModelNotInstalled,
    PromptInputError,
)
from r1local.events import AnswerDelta, Event, Finished, ThinkingDelta
from r1local.generation import ReplySettings, cancelled_while_loading, reply
from r1local.interruption import Interruption, interruptible
from r1local.loading import LoadOptions, load
from r1local.paths import user_models
from r1local.selection import Selected, select
from r1local.settings import OutputFormat, ThinkingMode
from r1local.ui.console import console_for, print_log, print_notice
from r1local.ui.progress import busy
from r1local.ui.questions import agreed, can_ask
from r1local.ui.renderers import Renderer, renderer_for

#: The file name that stands for stdin.
_STDIN = Path("-")
#: Says, while it lasts, what is being waited for.
_Waiting = Callable[[str], AbstractContextManager[object]]


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
    out, err = console_for(sys.stdout), console_for(sys.stderr)
    model = _select(options.model)
    if model.note:
        print_notice(err, model.note)
    if options.system and model.known and model.known.system_prompt is False:
        print_notice(err, f"DeepSeek recommends no system prompt for {model.name}")
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
    with interruptible() as interruption, closing(renderer):
        events = _events(model.path, conversation, options, interruption, waiting)
        with closing(events):
            code = _show(events, renderer, options, interruption)
    if code == EXIT_NO_ANSWER and not options.answer_only:
        print_notice(err, "no answer: the reply ended inside its thought, or was empty")
    return code


def _select(reference: str | None) -> Selected:
    """The model to run; one that is not here is offered for download, if somebody can answer."""
    models = catalog(user_models())
    try:
        return select(reference, models)
    except ModelNotInstalled as error:
        if reference is None or not can_ask() or not agreed(f"{error.message}; download it now?"):
            raise
    from r1local.commands.pull import PullOptions, pull  # needs much that a reply does not

    if pull(PullOptions((reference,), False, None, "text")) == EXIT_OK:
        return select(reference, models)
    raise KeyboardInterrupt


def _events(
    path: Path,
    conversation: Conversation,
    options: RunOptions,
    interruption: Interruption,
    waiting: _Waiting,
) -> Generator[Event, None, None]:
    """Load the model and let it reply."""
    try:
        with waiting(f"loading {path.name}"):
            loaded = load(path, options.loading, interruption.cancelled)
    except LoadingCancelled:
        yield cancelled_while_loading(options.reply)
        return
    with loaded.model, closing(reply(loaded, conversation, options.reply, interruption)) as events:
        yield from loaded.notices
        with waiting("reading the prompt"):
            first = next(events)
        yield first
        yield from events


def _show(
    events: Iterable[Event], renderer: Renderer, options: RunOptions, interruption: Interruption
) -> int:
    """Render a reply to its end; return the exit code it stands for.

    Raises:
        BrokenPipeError: nobody reads stdout any more.
    """
    thought = False
    answer: list[str] = []
    finished: Finished | None = None
    for event in events:
        match event:
            case ThinkingDelta():
                thought = True
            case AnswerDelta(text):
                answer.append(text)
            case Finished():
                finished = event
            case _:
                pass
        renderer.handle(event)
    if interruption.reader_gone:
        raise BrokenPipeError
    if finished and finished.reason == "cancelled":
        return 128 + (interruption.signal or signal.SIGINT)
    if options.thinking == "only":
        got = thought and finished is not None and not finished.thinking_open
    elif options.answer_only:
        got = final_answer("".join(answer)) is not None
    else:
        got = bool("".join(answer).strip())
    return EXIT_OK if got else EXIT_NO_ANSWER


def _conversation(options: RunOptions) -> Conversation:
    """The messages to send: a system prompt if one is given, and the question."""
    piped = _piped_text()
    from_stdin = documents.Document("stdin", piped)
    attached = [
        from_stdin if path == _STDIN else documents.read_document(path) for path in options.files
    ]
    question = options.prompt
    if question is None and _STDIN not in options.files:
        question = piped
    elif piped and _STDIN not in options.files:
        attached.insert(0, from_stdin)
    if not question or not question.strip():
        raise PromptInputError(
            "there is no prompt", 'give one: r1local run "…", or pipe one into r1local run'
        )
    user = Message("user", documents.question_with_documents(question, attached))
    messages = (Message("system", options.system), user) if options.system else (user,)
    for message in messages:
        _check_text(message.content)
    return messages


def _piped_text() -> str:
    """What stdin holds, unless it is a terminal."""
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    return documents.read_text(sys.stdin.buffer, "the text piped in")


def _check_text(text: str) -> None:
    """Refuse what the shell passed on although it is no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PromptInputError(
            "the prompt is not valid UTF-8", "type it again, or check the terminal's encoding"
        ) from error
