"""A chat template, which is a program from somebody's file, and what it may access.

It runs in jinja2's immutable sandbox, in the dialect of Transformers' `apply_chat_template`. The
sandbox keeps it from Python's internals. It can't keep it from running long or building a lot,
which only a process of its own can (see `template_process`).
"""

import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache, wraps
from typing import Any, NoReturn

from jinja2 import Template, TemplateError, UndefinedError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from r1local.errors import ChatTemplateError
from r1local.prompts.template_messages import HINT, TOO_LARGE
from r1local.prompts.traced_text import (
    SYSTEM,
    TracedText,
    claimed,
    joined,
    origin_in,
    put_in,
    runs,
)

_GIVE_IT = f"{HINT}, or what it lacks with --template-arg NAME=VALUE"

#: Filters that build a text from others in a way that isn't traced character by character.
_MAKERS = frozenset(
    {
        *("capitalize", "center", "e", "escape", "filesizeformat", "forceescape", "format"),
        *("indent", "pprint", "string", "striptags", "title", "tojson", "truncate", "urlencode"),
        *("urlize", "wordwrap", "xmlattr"),
    }
)


def answer(source: str, renderings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Render a template with each set of variables.

    Returns:
        For each of the `rendered` its `text` and the `runs` of its origins, or an `error`, which
        is a sentence and a hint; a single `error` for all if the source is not a template.
    """
    try:
        template = _compiled(source)
        return {"rendered": [_rendered(template, variables) for variables in renderings]}
    except ChatTemplateError as error:
        return {"error": [error.message, error.hint]}


@lru_cache(maxsize=1)
def _compiled(source: str) -> Template:
    with _translated():
        return _Sandbox().from_string(source)


def _rendered(template: Template, variables: dict[str, Any]) -> dict[str, Any]:
    messages = [message | {"content": _traced(message)} for message in variables["messages"]]
    try:
        with _translated():
            text = joined((template.render(variables | {"messages": messages}),))
            text.encode()  # refuses what isn't Unicode text
    except ChatTemplateError as error:
        return {"error": [error.message, error.hint]}
    return {"text": str.__str__(text), "runs": runs(text)}


def _traced(message: dict[str, Any]) -> Any:
    """Return a message's content, traced to its origin."""
    content, system = message["content"], message["role"] == "system"
    if not isinstance(content, str):
        return [part | {"text": _traced(message | {"content": part["text"]})} for part in content]
    return TracedText(content, bytes([SYSTEM]) * len(content) if system else None)


@contextmanager
def _translated() -> Iterator[None]:
    """Translate whatever a template can raise."""
    try:
        yield
    except SecurityError as error:
        message = "the chat template tries something that is forbidden"
        raise ChatTemplateError(message, f"{error}; {HINT}") from error
    except MemoryError as error:
        raise ChatTemplateError(*TOO_LARGE) from error
    except OverflowError as error:  # Jinja's words name its own constant
        raise ChatTemplateError("the chat template counts too far", HINT) from error
    except Exception as error:
        reason = str(error).rstrip(".") or type(error).__name__
        hint = _GIVE_IT if isinstance(error, UndefinedError) else HINT
        raise ChatTemplateError(
            "the chat template can't be used", f"it fails with: {reason}; {hint}"
        ) from error


class _TracingCodeGenerator(CodeGenerator):
    """A code generator that compiles `~` to a concatenation that keeps origins."""

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
    """Jinja's immutable sandbox, which also refuses at once and keeps the origins of texts."""

    code_generator_class = _TracingCodeGenerator
    concat = staticmethod(joined)
    intercepted_binops = frozenset({"%"})

    def __init__(self) -> None:
        # Not optimised, since Jinja would run filters on constants while compiling, for nothing.
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            finalize=_as_text,
            extensions=[_GenerationTag, loopcontrols],
        )
        self.filters |= {"tojson": _to_json, "join": _join, "replace": _replace, "safe": _as_text}
        self.filters |= {name: _following(self.filters[name]) for name in _MAKERS}
        del self.globals["lipsum"]
        self.globals["raise_exception"] = _raise_exception
        self.globals["strftime_now"] = _strftime_now

    def unsafe_undefined(self, obj: Any, attribute: str) -> NoReturn:
        """Raise an error where Jinja would continue with an undefined value."""
        kind = "text" if isinstance(obj, str) else type(obj).__name__
        raise SecurityError(f"it asks for {attribute!r} of a {kind}")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Format values with `%`; see `intercepted_binops`."""
        if not isinstance(left, str):
            return super().call_binop(context, operator, left, right)
        if isinstance(right, dict):
            return put_in(lambda form, **values: form % values, left, **right)
        values = right if isinstance(right, tuple) else (right,)
        return put_in(lambda form, *values: form % values, left, *values)

    def concatenate(self, parts: Iterable[Any]) -> str:
        """Join the operands of `~`."""
        return joined(_as_text(part) for part in parts)

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a function or method of the template, tracing texts through methods of texts."""
        method = inspect.unwrap(obj)
        subject, name = getattr(method, "__self__", None), getattr(method, "__name__", "")
        if not isinstance(subject, str) or not origin_in((subject, args, kwargs)):
            return super().call(context, obj, *args, **kwargs)
        if name in ("format", "format_map"):
            return put_in(super().call, context, obj, *args, **kwargs)
        if name in ("join", "replace") and not isinstance(subject, TracedText):
            obj = getattr(joined((subject,)), name)
        return claimed(super().call(context, obj, *args, **kwargs), (subject, args, kwargs))


def _following(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter whose result keeps the origins of its arguments."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return put_in(function, *args, **kwargs)

    return call


def _as_text(value: Any) -> str:
    """Return what a template writes for a value."""
    text = str(value)
    return text if isinstance(value, str) else str(claimed(text, value))


def _join(items: Iterable[Any], d: str = "", attribute: str | int | None = None) -> str:
    """Join texts like Jinja's own filter."""
    if attribute is not None:
        items = (_attribute(item, attribute) for item in items)
    return joined((str(d),)).join(_as_text(item) for item in items)


def _replace(text: Any, old: Any, new: Any, count: int = -1) -> str:
    """Replace one text by another like Jinja's own filter."""
    return joined((_as_text(text),)).replace(_as_text(old), _as_text(new), count)


def _attribute(item: Any, path: str | int) -> Any:
    for name in str(path).split("."):
        item = item[int(name)] if name.isdecimal() else item[name]
    return item


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: Sequence[str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Return plain JSON, with Transformers' arguments; Jinja's own filter escapes for HTML."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=tuple(separators) if separators else None,  # type: ignore[arg-type]
        sort_keys=sort_keys,
    )


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _strftime_now(format: str) -> str:
    return datetime.now().strftime(format)
