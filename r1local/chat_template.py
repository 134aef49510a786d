"""Messages to prompt, by the template the model file carries.

Only the template's own text may become control or tag tokens. What people
typed, piped or attached is data, so wherever such text holds the text of a
special token, the prompt is cut inside it; each part is then tokenised by
itself, and no tokenizer can put the token together again.
"""

import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import FrameType
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from r1local.conversation import Message
from r1local.errors import ChatTemplateError
from r1local.thinking import CLOSE_TAG, OPEN_TAG, Start, start_of_reply

#: Seconds a template may take. Real ones take milliseconds.
TIME_LIMIT_S = 2.0
#: Characters one operation in a template may produce: 64 MB of text is far more
#: than any context window, and little enough to fail without swapping.
SIZE_LIMIT = 64_000_000

_TEMPLATE_HINT = "give another template with --chat-template FILE"


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """Texts of a vocabulary's control and user-defined tokens.

    `texts` are all those that user text must not become; `bos` and `eos` may be
    empty.
    """

    bos: str
    eos: str
    texts: frozenset[str]

    @property
    def knows_thinking(self) -> bool:
        """The vocabulary has R1's think tags as tokens of their own."""
        return OPEN_TAG in self.texts and CLOSE_TAG in self.texts


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered prompt: parts to be tokenised each by itself, and where it leaves the reply."""

    parts: tuple[str, ...]
    start: Start

    @property
    def text(self) -> str:
        """The prompt as one text."""
        return "".join(self.parts)


class ChatTemplate:
    """A model's chat template, compiled once.

    Args:
        source: Jinja source, from the model file or from the user.
        specials: the special tokens of the model's vocabulary.

    Raises:
        ChatTemplateError: the source is not a Jinja template.
    """

    def __init__(self, source: str, specials: SpecialTokens) -> None:
        self._source = source
        self._specials = specials
        texts = sorted((text for text in specials.texts if len(text) > 1), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, texts)) or r"(?!)")
        with _template_errors():
            self._template = _environment().from_string(source)

    def render(self, messages: Sequence[Message], *, think: bool = True) -> Prompt:
        """Render the prompt for the assistant's next reply.

        Where the template ends at the assistant tag and the model has think
        tags, `<think>` and a line break are appended when `think` is set, as
        the usage recommendations of DeepSeek-R1's README advise.

        Raises:
            ChatTemplateError: the template fails, reaches for what it may not
                have, or doesn't end.
        """
        mark = self._unused_character(messages)
        guarded = [Message(m.role, self._cut_specials(m.content, mark)) for m in messages]
        text = self._render(guarded)
        # Two texts, or a text and the template's, can meet and make a special token
        # together. With cuts at the seams they don't, so fewer are counted.
        seamed = self._render([Message(m.role, _cut_seams(m.content, mark)) for m in guarded])
        if self._count_specials(seamed) < self._count_specials(text):
            text = seamed
        start = start_of_reply(text)
        if start == "none" and think and self._has_thoughts:
            text, start = text + f"{OPEN_TAG}\n", "open"
        return Prompt(tuple(part for part in text.split(mark) if part), start)

    @property
    def _has_thoughts(self) -> bool:
        """The file's own word that it is a thinking model: vocabulary and template."""
        return self._specials.knows_thinking and CLOSE_TAG in self._source

    def _render(self, messages: Sequence[Message]) -> str:
        with _template_errors(), _time_limit():
            return self._template.render(
                messages=[{"role": m.role, "content": m.content} for m in messages],
                add_generation_prompt=True,
                bos_token=self._specials.bos,
                eos_token=self._specials.eos,
                tools=None,
                documents=None,
            )

    def _unused_character(self, messages: Sequence[Message]) -> str:
        """A private-use character that stands nowhere, to mark the cuts with."""
        used = set(self._source).union(*(m.content for m in messages), *self._specials.texts)
        return next(mark for mark in map(chr, range(0xE000, 0xF900)) if mark not in used)

    def _cut_specials(self, content: str, mark: str) -> str:
        """Put a mark inside every special token's text, overlapping ones too."""
        kept, position = [], 0
        while match := self._special.search(content, position):
            cut = match.start() + 1
            kept += [content[position:cut], mark]
            position = cut
        return "".join([*kept, content[position:]])

    def _count_specials(self, text: str) -> int:
        return sum(1 for _ in self._special.finditer(text))


def _cut_seams(content: str, mark: str) -> str:
    """Mark both ends, inside the white space that a template may strip."""
    body = content.strip()
    if not body:
        return content
    start = content.index(body)
    return f"{content[:start]}{mark}{body}{mark}{content[start + len(body) :]}"


@contextmanager
def _template_errors() -> Iterator[None]:
    """Translate whatever a template can raise: it is code from the model's file."""
    try:
        yield
    except ChatTemplateError:
        raise
    except SecurityError as error:
        message = "the chat template reaches for something it may not have"
        raise ChatTemplateError(message, f"{error}; {_TEMPLATE_HINT}") from error
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ChatTemplateError(
            "the chat template can't be used", f"it fails with: {reason}; {_TEMPLATE_HINT}"
        ) from error


@contextmanager
def _time_limit() -> Iterator[None]:
    """Stop a template that doesn't end, at the next of its lines."""
    deadline = time.monotonic() + TIME_LIMIT_S

    def trace(frame: FrameType, _event: str, _arg: object) -> Any:
        if frame.f_code.co_filename != "<template>":
            return None
        if time.monotonic() > deadline:
            raise ChatTemplateError(
                f"the chat template did not end within {TIME_LIMIT_S:g} seconds", _TEMPLATE_HINT
            )
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(previous)


class _BoundedCodeGenerator(CodeGenerator):
    """Compiles `~` to a concatenation with a size limit."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        self.write("environment.concatenate((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's immutable sandbox, which also refuses at once and bounds what is built."""

    code_generator_class = _BoundedCodeGenerator
    intercepted_binops = frozenset({"+", "*", "**"})

    def unsafe_undefined(self, obj: Any, attribute: str) -> NoReturn:
        """Raise where Jinja would go on with an undefined value."""
        raise SecurityError(f"it asks for {attribute!r} of a {type(obj).__name__}")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Apply an operator unless its result would be huge."""
        if operator == "**" and isinstance(right, int):
            _check_size(right)
        elif operator == "*":
            _check_size(_size(left) * _size(right))
        elif operator == "+":
            _check_size(_length(left) + _length(right))
        return super().call_binop(context, operator, left, right)

    def concatenate(self, parts: Iterable[Any]) -> str:
        """Join what `~` joins unless the result would be huge."""
        texts = [str(part) for part in parts]
        _check_size(sum(map(len, texts)))
        return "".join(texts)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple) else 0


def _size(value: Any) -> int:
    """What a factor multiplies the size of the other factor by."""
    return value if isinstance(value, int) else max(1, _length(value))


def _check_size(size: int) -> None:
    if size > SIZE_LIMIT:
        raise SecurityError(f"it builds a value of {size:,} characters")


class _GenerationTag(Extension):
    """Transformers' `{% generation %}` block, which marks text for training only."""

    tags = {"generation"}  # noqa: RUF012  (Jinja's own declaration is a plain set)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Keep the block's body and drop the tag."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _environment() -> _Sandbox:
    """The environment templates are written for: Transformers' `apply_chat_template`."""
    environment = _Sandbox(
        trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationTag, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment


def _to_json(value: Any, indent: int | None = None) -> str:
    """JSON as it is: Jinja's own filter escapes for HTML."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _strftime_now(format: str) -> str:
    return datetime.now().strftime(format)
