"""Replies for programs: one JSON object, or one per line for each event.

The texts in them are exact. Characters that control a terminal are written as `\\uXXXX`,
which means the same to a program and does nothing on a screen.
"""

import json
from collections.abc import Mapping
from typing import IO, assert_never

from r1local.answers.boxed import final_answer
from r1local.conversation import Part, Reply
from r1local.events.reply import (
    AnswerDelta,
    Event,
    Finished,
    Notice,
    Reading,
    Rewound,
    ThinkingDelta,
    Usage,
)
from r1local.events.reply_builder import ReplyBuilder
from r1local.ui.console import Output, print_notice
from r1local.ui.replies.code import CodeWanted
from r1local.ui.safe_text import visible_json


class JsonRenderer:
    """Renderer of one JSON object for the whole reply, written at its end.

    A reply that an error ends has one as well, of what came: its end is `lost`, and what nobody
    counted is null.

    Args:
        stream: where the object goes.
        err: where notices go.
        reply: receives each event before the renderer does.
        with_thinking: include the thinking.
        with_answer: include the answer.
        code: the code block to include besides the answer.
    """

    def __init__(
        self,
        stream: IO[str],
        err: Output,
        reply: ReplyBuilder,
        with_thinking: bool,
        with_answer: bool,
        code: CodeWanted | None = None,
    ) -> None:
        self._stream = stream
        self._err = err
        self._reply = reply
        self._with_thinking = with_thinking
        self._with_answer = with_answer
        self._code = code
        self._finished = False

    def handle(self, event: Event) -> None:
        """Print a notice, or write the object at the end."""
        match event:
            case Reading() | ThinkingDelta() | AnswerDelta() | Rewound():
                pass
            case Notice(_, message):
                print_notice(self._err, message)
            case Finished():
                self._finished = True
                self._write(_counted(event))
            case _:
                assert_never(event)

    def close(self) -> None:
        """Write the object of a reply that has begun and did not finish."""
        if not self._finished and not self._reply.empty:
            self._write(_UNCOUNTED)

    def _write(self, counted: Mapping[str, object]) -> None:
        whole = self._reply.reply()
        answer = whole.answer if self._with_answer else None
        reply = {
            "model": whole.model,
            "thinking": whole.thinking if self._with_thinking else None,
            "answer": answer,
            "final_answer": None if answer is None else final_answer(answer),
            "finish_reason": whole.reason,
            **counted,
            **_code(self._code, whole),
        }
        write_line(self._stream, reply)


class JsonLinesRenderer:
    """Renderer of one JSON object per line for each event, flushed for programs that follow along.

    Args:
        stream: where the lines go.
        reply: receives each event before the renderer does.
        with_thinking: include the thinking.
        with_answer: include the answer.
    """

    def __init__(
        self,
        stream: IO[str],
        reply: ReplyBuilder,
        with_thinking: bool,
        with_answer: bool,
        code: CodeWanted | None = None,
    ) -> None:
        self._stream = stream
        self._code = code
        self._reply = reply
        self._shown: dict[Part, bool] = {"thinking": with_thinking, "answer": with_answer}

    def handle(self, event: Event) -> None:
        """Write one event."""
        match event:
            case ThinkingDelta(text):
                self._write_delta("thinking", text)
            case AnswerDelta(text):
                self._write_delta("answer", text)
            case Rewound(part, characters):
                if self._shown[part]:
                    line = {"type": "rewound", "part": part, "characters": characters}
                    write_line(self._stream, line)
            case Notice(kind, message):
                write_line(self._stream, {"type": "notice", "kind": kind, "message": message})
            case Finished():
                self._finish(event)
            case Reading():
                pass
            case _:
                assert_never(event)

    def close(self) -> None:
        """Do nothing: each line is complete."""

    def _write_delta(self, part: Part, text: str) -> None:
        if self._shown[part]:
            # Most lines are of this kind, and encoding a dictionary would cost twice as much.
            self._stream.write(f'{{"type": "{part}", "text": {visible_json(_encode(text))}}}\n')
            self._stream.flush()

    def _finish(self, event: Finished) -> None:
        answer = self._reply.text("answer") if self._shown["answer"] else ""
        last = {
            "type": "finished",
            "finish_reason": event.reason,
            **_counted(event),
            "final_answer": final_answer(answer),
            **_code(self._code, self._reply.reply()),
        }
        write_line(self._stream, last)


_encode = json.JSONEncoder(ensure_ascii=False).encode


def write_line(stream: IO[str], value: Mapping[str, object]) -> None:
    """Write a JSON object on a line of its own, harmless on a terminal."""
    stream.write(visible_json(_encode(value)) + "\n")
    stream.flush()


def _code(wanted: CodeWanted | None, reply: Reply) -> dict[str, str | None]:
    return {} if wanted is None else {"code": wanted.find(reply)}


def _counted(end: Finished) -> dict[str, object]:
    return {
        "valid": end.valid,
        "usage": _usage(end.usage),
        "timing": _timing(end.usage),
        "seed": end.seed,
    }


#: The same of a reply without an end.
_UNCOUNTED = dict.fromkeys(("valid", "usage", "timing", "seed"))


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "thinking_tokens": usage.thinking_tokens,
        "answer_tokens": usage.answer_tokens,
        "discarded_tokens": usage.discarded_tokens,
        "draft_tokens": usage.draft_tokens,
        "accepted_tokens": usage.accepted_tokens,
    }


def _timing(usage: Usage) -> dict[str, float]:
    seconds = {
        "load_s": usage.load_s,
        "prompt_s": usage.prompt_s,
        "thinking_s": usage.thinking_s,
        "answer_s": usage.answer_s,
        "tokens_per_s": usage.tokens_per_s,
    }
    return rounded(seconds)


def rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    """Round times for JSON to a tenth of a millisecond."""
    return {name: round(value, 4) for name, value in seconds.items()}
