"""Running a chat template, which is a program out of somebody's file.

It runs in jinja2's immutable sandbox, in the dialect of Transformers'
`apply_chat_template`. Beyond the sandbox, three things are held: a template
can't reach for attributes the sandbox calls unsafe and go on, can't run for
long, and can't build much.
"""

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from types import FrameType
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from r1local.errors import ChatTemplateError

#: Seconds a template may take. Real ones take milliseconds.
TIME_LIMIT_S = 2.0
#: Characters a template may build in all, beyond `_BUILDS_PER_CHARACTER` of what it is
#: given: far more than a context window holds, and little enough to fail without swapping.
TEMPLATE_SIZE_LIMIT = 64_000_000
_BUILDS_PER_CHARACTER = 20
#: What a list's item counts for: a pointer's bytes.
_ITEM_SIZE = 8
#: Widths, counts and numbers that no chat template has a use for.
_LARGEST_NUMBER = 1_000_000
_LARGEST_BITS = 4096
_WIDE_FORMAT = re.compile(r"\d{7,}")

_HINT = "give another template with --chat-template FILE"
_FILTERS = frozenset(
    {
        *("abs", "attr", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first"),
        *("float", "groupby", "indent", "int", "items", "join", "last", "length", "list", "lower"),
        *("map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round", "safe"),
        *("select", "selectattr", "sort", "string", "sum", "title", "tojson", "trim", "unique"),
        "upper",
    }
)
#: Methods whose results grow by factors that are not looked at.
_GROWING_METHODS = frozenset({"center", "expandtabs", "ljust", "rjust", "translate", "zfill"})


class CompiledTemplate:
    """A compiled template.

    Args:
        source: Jinja source, from the model file or from the user.

    Raises:
        ChatTemplateError: the source is not a Jinja template.
    """

    def __init__(self, source: str) -> None:
        self._environment = _Sandbox()
        with _limits():
            self._template = self._environment.from_string(source)

    def render(self, messages: list[dict[str, str]], **variables: object) -> str:
        """Run the template on messages and other variables.

        Raises:
            ChatTemplateError: it fails, reaches for what it may not have, takes
                long or builds much.
        """
        given = sum(len(message["content"]) for message in messages)
        self._environment.budget = TEMPLATE_SIZE_LIMIT + _BUILDS_PER_CHARACTER * given
        with _limits():
            return self._template.render(messages=messages, **variables)


@contextmanager
def _limits() -> Iterator[None]:
    """Stop what takes long; translate whatever a template can raise."""
    deadline = time.monotonic() + TIME_LIMIT_S

    def trace(_frame: FrameType, _event: str, _arg: object) -> Any:
        if time.monotonic() > deadline:
            raise ChatTemplateError(
                f"the chat template did not end within {TIME_LIMIT_S:g} seconds", _HINT
            )
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    except ChatTemplateError:
        raise
    except SecurityError as error:
        message = "the chat template reaches for something it may not have"
        raise ChatTemplateError(message, f"{error}; {_HINT}") from error
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ChatTemplateError(
            "the chat template can't be used", f"it fails with: {reason}; {_HINT}"
        ) from error
    finally:
        sys.settrace(previous)


class _BoundedCodeGenerator(CodeGenerator):
    """Compiles `~` to a concatenation that is counted."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        self.write("environment.concatenate((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class _GenerationTag(Extension):
    """Transformers' `{% generation %}` block, which marks text for training only."""

    tags = {"generation"}  # noqa: RUF012  (Jinja's own declaration is a plain set)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Keep the block's body and drop the tag."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's immutable sandbox, which also refuses at once and counts what is built."""

    code_generator_class = _BoundedCodeGenerator
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        # Not optimised: Jinja would run filters on constants while compiling, uncounted.
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            extensions=[_GenerationTag, loopcontrols],
        )
        self.budget = TEMPLATE_SIZE_LIMIT
        self.filters["tojson"] = _to_json
        self.filters = {name: self._counted(name, self.filters[name]) for name in _FILTERS}
        del self.globals["lipsum"]
        self.globals["raise_exception"] = _raise_exception
        self.globals["strftime_now"] = _strftime_now

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Withhold methods that can make much of little, besides what Jinja withholds."""
        growing = isinstance(obj, str) and attr in _GROWING_METHODS
        return not growing and super().is_safe_attribute(obj, attr, value)

    def unsafe_undefined(self, obj: Any, attribute: str) -> NoReturn:
        """Raise where Jinja would go on with an undefined value."""
        raise SecurityError(f"it asks for {attribute!r} of a {type(obj).__name__}")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Apply an operator unless its result would be huge."""
        if operator == "**" or (isinstance(left, int) and isinstance(right, int)):
            _check_numbers(operator, left, right)
        elif operator == "*":
            self.spend(_factor(left) * _factor(right))
        elif operator == "%" and isinstance(left, str):
            _check_format(left, right if isinstance(right, tuple) else (right,))
        return self._spent_on(super().call_binop(context, operator, left, right))

    def concatenate(self, parts: Iterable[Any]) -> str:
        """Join what `~` joins."""
        texts = [str(part) for part in parts]
        self.spend(sum(map(len, texts)))
        return "".join(texts)

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a function or method of the template's."""
        _check_arguments((*args, *kwargs.values()))
        subject, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        if isinstance(subject, str) and name == "replace":
            self._spend_on_replace(subject, *args[:2])
        elif isinstance(subject, str) and name == "join" and args:
            args = (list(args[0]), *args[1:])
            self._spend_on_join(subject, args[0])
        elif isinstance(subject, str) and name == "format":
            _check_format(subject, args)
        return self._spent_on(super().call(context, obj, *args, **kwargs))

    def spend(self, size: int) -> None:
        """Count what is about to be built.

        Raises:
            SecurityError: the template has built too much.
        """
        self.budget -= size
        if self.budget < 0:
            raise SecurityError("it builds too much text")

    def _spent_on(self, value: Any) -> Any:
        if isinstance(value, str):
            self.spend(len(value))
        elif isinstance(value, list | tuple):
            self.spend(_ITEM_SIZE * len(value))
        return value

    def _counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A filter whose arguments are looked at and whose result is counted."""
        # Some take the environment or the context before their subject.
        first = 1 if hasattr(function, "jinja_pass_arg") else 0

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            passed, (subject, *rest) = args[:first], args[first:]
            _check_arguments((*rest, *kwargs.values()))
            if name == "join":
                subject = list(subject)
                self._spend_on_join(rest[0] if rest else kwargs.get("d", ""), subject)
            elif name == "replace":
                parts = dict(zip(("old", "new"), rest, strict=False)) | kwargs
                self._spend_on_replace(str(subject), parts.get("old"), parts.get("new"))
            elif name == "indent":
                width = rest[0] if rest else kwargs.get("width", 4)
                lines = str(subject).count("\n")
                self.spend(lines * (width if isinstance(width, int) else len(str(width))))
            return self._spent_on(function(*passed, subject, *rest, **kwargs))

        return call

    def _spend_on_replace(self, text: str, old: object = "", new: object = "") -> None:
        self.spend((len(text) // max(1, len(str(old))) + 1) * len(str(new)))

    def _spend_on_join(self, separator: object, items: list[Any]) -> None:
        self.spend(len(items) * (_ITEM_SIZE + len(str(separator))))


def _factor(value: Any) -> int:
    """What one side of `*` multiplies the size of the other by."""
    if isinstance(value, int):
        return max(0, value)
    return len(value) if isinstance(value, str) else _ITEM_SIZE * len(value)


def _check_numbers(operator: str, left: Any, right: Any) -> None:
    """Refuse numbers that take long to work out."""
    sides = [abs(int(side)).bit_length() for side in (left, right)]
    bits = sides[0] * abs(int(right)) if operator == "**" else sum(sides)
    if bits > _LARGEST_BITS:
        raise SecurityError("it works out a huge number")


def _check_format(text: str, values: tuple[Any, ...]) -> None:
    if _WIDE_FORMAT.search(text):
        raise SecurityError("it formats something to a huge width")
    _check_arguments(values)


def _check_arguments(values: Iterable[Any]) -> None:
    for value in values:
        if isinstance(value, int) and abs(value) > _LARGEST_NUMBER:
            raise SecurityError(f"it counts to {value:,}")


def _to_json(value: Any, indent: int | None = None) -> str:
    """JSON as it is: Jinja's own filter escapes for HTML."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _strftime_now(format: str) -> str:
    return datetime.now().strftime(format)
