"""Renderers of a reply's events, one for each output format.

Always close a renderer, for example with `contextlib.closing`. The caller handles errors of
the streams, such as a broken pipe or a full disk.
"""

from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Protocol, assert_never

from r1local.answers.boxed import final_answer
from r1local.config.options import OutputFormat, ThinkingMode
from r1local.conversation import Reply
from r1local.events.reply import (
    AnswerDelta,
    Event,
    Finished,
    Notice,
    Reading,
    Rewound,
    ThinkingDelta,
)
from r1local.events.reply_builder import ReplyBuilder
from r1local.language import _
from r1local.ui import streams
from r1local.ui.console import Output, Pipe, can_repaint, print_notice
from r1local.ui.replies.code import CodeWanted
from r1local.ui.replies.json import JsonLinesRenderer, JsonRenderer
from r1local.ui.safe_text import VisibleStream, visible
from r1local.ui.wording import ENDINGS

if TYPE_CHECKING:  # pipes do without it
    from rich.console import Console


class Renderer(Protocol):
    """Renderer of the events of one reply, which it receives in order."""

    def handle(self, event: Event) -> None:
        """Show or write one event."""

    def close(self) -> None:
        """Leave the streams in order; called after `Finished` or an exception, maybe twice."""


def renderer_for(
    out: Output,
    err: Output,
    reply: ReplyBuilder,
    *,
    output_format: OutputFormat = "text",
    thinking: ThinkingMode = "show",
    answer_only: bool = False,
    code: CodeWanted | None = None,
    json: bool = False,
    clock: Callable[[], float] = monotonic,
) -> Renderer:
    """Return the renderer of one reply.

    Args:
        out: the console of standard output, for the answer.
        err: the console of standard error, for thinking, notices and how the reply ended.
        reply: receives each event before the renderer does; what is written at the end
            comes from it, without loops that were taken back.
        output_format: text to read, one JSON object, or one JSON object for each event.
        thinking: how to show the thought; `only` leaves out the answer instead.
        answer_only: print nothing but the final answer; applies to the text format.
        code: print nothing but this code block; JSON has it besides the answer.
        json: the answer will be JSON, and is shown as code on a terminal.
        clock: returns the time in seconds, for the footer and to limit repainting.
    """
    with_thinking, with_answer = thinking != "hide", thinking != "only"
    match output_format:
        case "json":
            return JsonRenderer(out.file, err, reply, with_thinking, with_answer, code)
        case "jsonl":
            return JsonLinesRenderer(out.file, reply, with_thinking, with_answer, code)
        case "text" if (answer_only or code) and with_answer:
            thought = _thinking_part(out, err, thinking, clock)
            wanted = code or FinalAnswer()
            return TextRenderer(err, thought, PartOfAnswer(out, err, reply, wanted))
        case "text":
            return text_renderer(out, err, thinking=thinking, json=json, clock=clock)
        case _:
            assert_never(output_format)


def text_renderer(
    out: Output,
    err: Output,
    *,
    thinking: ThinkingMode = "show",
    json: bool = False,
    clock: Callable[[], float] = monotonic,
) -> "TextRenderer":
    """Return the renderer of a reply as text, with the whole answer; see `renderer_for`."""
    thought = _thinking_part(out, err, thinking, clock)
    return TextRenderer(err, thought, _answer_part(out, err, thinking, clock, json=json))


class PartRenderer(Protocol):
    """Renderer of the thinking or the answer of one reply."""

    def write(self, text: str, tokens: int) -> None:
        """Show the next characters; `tokens` is the number of the part's tokens so far."""

    def set_aside(self) -> None:
        """Move to the start of a line, to make way for a line that isn't part of this."""

    def end(self, *, unfinished: bool) -> None:
        """End the part, empty or not; it is `unfinished` if it was cut off."""


class TextRenderer:
    """Renderer of text for people: the thinking, the answer, and an unusual end."""

    def __init__(self, err: Output, thinking: PartRenderer, answer: PartRenderer) -> None:
        self._err = err
        self._thinking = thinking
        self._answer = answer
        self._current: PartRenderer | None = None

    def handle(self, event: Event) -> None:
        """Show one event."""
        match event:
            case ThinkingDelta(text, tokens):
                self._current = self._thinking
                self._thinking.write(text, tokens)
            case AnswerDelta(text, tokens):
                if self._current is self._thinking:
                    self._thinking.end(unfinished=False)
                self._current = self._answer
                self._answer.write(text, tokens)
            case Reading():
                pass  # `ui.reading` shows it
            case Rewound():
                pass  # what was shown stays; a notice says what happened
            case Notice(_, message):
                if self._current is not None:
                    self._current.set_aside()
                print_notice(self._err, message)
            case Finished():
                self._finish(event)
            case _:
                assert_never(event)

    def close(self) -> None:
        """End the current part; a failing stream has been reported already."""
        current, self._current = self._current, None
        if current is not None:
            with suppress(OSError, ValueError):
                current.end(unfinished=True)

    def _finish(self, event: Finished) -> None:
        current, self._current = self._current, None
        if current is self._thinking:
            self._thinking.end(unfinished=event.thinking_open)
        self._answer.end(unfinished=False)
        # Who cancels in a pipe is told by the exit code; a limit's answer would look whole.
        if event.reason == "length" or (event.reason == "cancelled" and self._err.is_terminal):
            print_notice(self._err, _(ENDINGS[event.reason]))


class Unshown:
    """Renderer of a part that isn't shown."""

    def write(self, text: str, tokens: int) -> None:
        """Show nothing."""

    def set_aside(self) -> None:
        """Leave the cursor where it is."""

    def end(self, *, unfinished: bool) -> None:
        """Show nothing."""


class PlainPart:
    """Text as it was generated: exact in a pipe, harmless on a terminal.

    Args:
        err: the console of the notices. In a pipe that has them too, they get lines of their own.
    """

    def __init__(self, output: Output, err: Output) -> None:
        self._stream = output.file
        self._is_terminal = output.is_terminal
        self._breaks_lines = output.is_terminal or streams.are_one(output.file, err.file)
        self._visible = VisibleStream()
        self._inside_line = False

    def write(self, text: str, tokens: int) -> None:  # noqa: ARG002
        """Write the next characters."""
        self._stream.write(self._visible.feed(text) if self._is_terminal else text)
        self._stream.flush()
        self._inside_line = text[-1] != "\n"

    def set_aside(self) -> None:
        """Break the line where the notice follows it; a pipe's text stays exact."""
        if self._breaks_lines:
            self.end(unfinished=True)

    def end(self, *, unfinished: bool) -> None:  # noqa: ARG002
        """Add the final newline if the text has none."""
        if self._inside_line:
            self._stream.write("\n")
            self._stream.flush()
        self._inside_line = False


class MarkdownAnswer:
    """Renderer of the answer as formatted Markdown, or as JSON."""

    def __init__(self, out: "Console", clock: Callable[[], float], *, json: bool) -> None:
        # Imported here, since replies in pipes don't need it and it takes 35 ms.
        from r1local.ui.markdown.view import MarkdownView

        self._view = MarkdownView(out, clock, json=json)

    def write(self, text: str, tokens: int) -> None:  # noqa: ARG002
        """Show the next characters."""
        self._view.feed(text)

    def set_aside(self) -> None:
        """Make room for a line."""
        self._view.set_aside()

    def end(self, *, unfinished: bool) -> None:  # noqa: ARG002
        """Show all that is still held back."""
        self._view.close()


class WantedPart(Protocol):
    """What is printed of an answer, if not all of it."""

    def find(self, reply: Reply) -> str | None:
        """Return it; None if the reply has none."""

    def why_none(self, reply: Reply) -> str:
        """Say why `find` returns None."""


class FinalAnswer:
    """The content of the last box."""

    def find(self, reply: Reply) -> str | None:
        """Return it."""
        return final_answer(reply.answer)

    def why_none(self, reply: Reply) -> str:  # noqa: ARG002
        """Say that there is no box."""
        return _("no final answer: the reply has no \\boxed{}")


class PartOfAnswer:
    """Renderer of only a part of the answer, when it has ended.

    Args:
        out: the console for the part.
        err: the console for the notice that there is none.
        reply: receives each event before this renderer does.
        wanted: the part.
    """

    def __init__(self, out: Output, err: Output, reply: ReplyBuilder, wanted: WantedPart) -> None:
        self._out = out
        self._err = err
        self._reply = reply
        self._wanted = wanted

    def write(self, text: str, tokens: int) -> None:
        """Wait for the end."""

    def set_aside(self) -> None:
        """Leave the cursor where it is."""

    def end(self, *, unfinished: bool) -> None:
        """Print the part, or a notice that there is none."""
        if unfinished:
            return
        reply = self._reply.reply()
        part = self._wanted.find(reply)
        if part is None:
            print_notice(self._err, self._wanted.why_none(reply))
            return
        text = visible(part) if self._out.is_terminal else part
        self._out.file.write(text if text.endswith("\n") else f"{text}\n")
        self._out.file.flush()


def _answer_part(
    out: Output, err: Output, thinking: ThinkingMode, clock: Callable[[], float], *, json: bool
) -> PartRenderer:
    if thinking == "only":
        return Unshown()
    return MarkdownAnswer(out, clock, json=json) if can_repaint(out) else PlainPart(out, err)


def _thinking_part(
    out: Output, err: Output, mode: ThinkingMode, clock: Callable[[], float]
) -> PartRenderer:
    if mode == "only":
        return PlainPart(out, err)
    if isinstance(err, Pipe) or not err.is_terminal:
        return Unshown()
    from r1local.ui.replies.thinking import FoldedThinking, StreamedThinking

    if mode in ("fold", "hide") and can_repaint(err):
        return FoldedThinking(err, clock, with_footer=mode == "fold")
    if mode == "hide":
        return Unshown()
    return StreamedThinking(err, clock)
