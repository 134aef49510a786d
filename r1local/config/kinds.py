"""The kinds of values that options have: how one is read, checked and written.

Every kind has the same four methods, including `check` for values that no user wrote. Its
`metavar` and `range` describe what it accepts: one for the command line's help, the other for a
sentence that begins with "it must be". (Creating named tuples is ten times as fast as creating
data classes, and every command has to wait for these.)
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

from r1local.errors import InvalidSetting, require
from r1local.language import N_, _

#: The values that TOML and JSON can hold.
Plain: TypeAlias = str | int | float | bool

_TRUTH = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}

#: Variables that a chat template's prompt depends on, and words that mean an empty text.
_OUR_VARIABLES = {"messages", "add_generation_prompt"}
_JSON_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "none": None, "null": None}


def as_text(value: object) -> str:
    """Return a value as a user writes it: `true` and `false` in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class Kind(Protocol):
    """The common interface of kinds; the `name` in its methods is the option's, for errors."""

    @property
    def metavar(self) -> str:
        """The placeholder for a value in the command line's help."""

    @property
    def range(self) -> str:
        """What a value must be, in words."""

    def parse(self, name: str, text: str) -> Any:
        """Return the value that a user wrote.

        Raises:
            InvalidSetting: the text is meaningless, or out of range.
        """

    def check(self, name: str, value: Any) -> None:
        """Refuse a value that is out of range.

        Raises:
            InvalidSetting: it is out of range.
        """

    def plain(self, value: Any) -> Plain:
        """Return a value for TOML and JSON; `parse` reads its text back."""


def or_word(nothing: str | None) -> str:
    """Return the end of a range where a word may stand for no value."""
    return _(", or {nothing}", nothing=nothing) if nothing else ""


def not_a(name: str, text: str, what: str, range_: str) -> InvalidSetting:
    """Return the error of a text that means nothing: it is not `what`."""
    return InvalidSetting(
        _("{name} {text!r} is not {what}", name=name, text=text, what=what),
        _("it must be {range}", range=_(range_)),
    )


class Choice(NamedTuple):
    """Some words, and the value that each stands for."""

    values: Mapping[str, object]

    @classmethod
    def of(cls, *words: str) -> "Choice":
        """Return a choice of words that stand for themselves."""
        return cls({word: word for word in words})

    @property
    def metavar(self) -> str:
        return f"<{'|'.join(self.values)}>"

    @property
    def range(self) -> str:
        *others, last = self.values
        return _("{others} or {last}", others=", ".join(others), last=last)

    def parse(self, name: str, text: str) -> Any:
        try:
            return self.values[text.lower()]
        except KeyError:
            raise InvalidSetting(
                _("{name} {text!r} is unknown", name=name, text=text),
                _("it must be {range}", range=_(self.range)),
            ) from None

    def check(self, name: str, value: object) -> None:
        require(value in self.values.values(), f"{name} {value}", self.range)

    def plain(self, value: object) -> str:
        """Return the word for a value; empty if there is none."""
        return next((word for word, stands_for in self.values.items() if stands_for == value), "")


class WordOr(NamedTuple):
    """Some words that stand for themselves in any case, or another text, as `range` says."""

    words: tuple[str, ...]
    other: str
    other_range: str

    @property
    def metavar(self) -> str:
        return f"<{'|'.join(self.words)}|{self.other}>"

    @property
    def range(self) -> str:
        return _(
            "{words}, or {other_range}", words=", ".join(self.words), other_range=self.other_range
        )

    def parse(self, name: str, text: str) -> str:
        value = text.lower() if text.lower() in self.words else text
        self.check(name, value)
        return value

    def check(self, name: str, value: object) -> None:
        require(isinstance(value, str) and bool(value.strip()), f"{name} {value!r}", self.range)

    def plain(self, value: str) -> str:
        return value


class Switch:
    """Something that is either on or off."""

    metavar = ""
    range = N_("true or false")

    def parse(self, name: str, text: str) -> bool:
        try:
            return _TRUTH[text.lower()]
        except KeyError:
            raise not_a(name, text, _("true or false"), self.range) from None

    def check(self, name: str, value: object) -> None:
        require(isinstance(value, bool), f"{name} {value}", self.range)

    def plain(self, value: bool) -> bool:
        return value


class Text:
    """Any text."""

    metavar = "<str>"
    range = N_("text")

    def parse(self, name: str, text: str) -> str:  # noqa: ARG002
        return text

    def check(self, name: str, value: object) -> None:
        require(isinstance(value, str), f"{name} {value}", self.range)

    def plain(self, value: str | None) -> str:
        return value or ""


class Word(Text):
    """Text with something in it: an unset variable of a shell must not pass for no option."""

    range = N_("a text that isn't empty")

    def parse(self, name: str, text: str) -> str:
        self.check(name, text)
        return text

    def check(self, name: str, value: object) -> None:
        require(isinstance(value, str) and bool(value.strip()), f"{name} {value!r}", self.range)


class Pattern:
    """Regular expressions of Python's `re`; `^` and `$` match at the ends of lines."""

    metavar = "REGEX"
    range = N_("a regular expression of Python's re, such as '^Answer: (.+)$'")

    def parse(self, name: str, text: str) -> re.Pattern[str]:
        try:
            return re.compile(text, re.MULTILINE)
        except (re.error, OverflowError, RecursionError) as error:
            raise InvalidSetting(
                _(
                    "{name} {text!r} is not a regular expression: {error}",
                    name=name,
                    text=text,
                    error=error,
                ),
                _("it must be {range}", range=_(self.range)),
            ) from error

    def check(self, name: str, value: object) -> None:
        require(isinstance(value, re.Pattern), f"{name} {value}", self.range)

    def plain(self, value: re.Pattern[str] | None) -> str:
        return value.pattern if value else ""


class File:
    """Files by their paths, in which `~` is the user's home."""

    metavar = "<path>"
    range = N_("the path of a file")

    def parse(self, name: str, text: str) -> Path:
        try:
            return Path(text).expanduser()
        except RuntimeError:
            raise not_a(name, text, _("a path"), self.range) from None

    def check(self, name: str, value: object) -> None:
        require(isinstance(value, Path), f"{name} {value}", self.range)

    def plain(self, value: Path | None) -> str:
        return str(value) if value else ""


class Assignments:
    """Variables of a chat template with values that are JSON or, failing that, text."""

    metavar = "NAME=VALUE"
    range = N_("NAME=VALUE, as in --template-arg reasoning_effort=high")

    def parse(self, name: str, text: str) -> dict[str, object]:
        variable, equals, value = text.partition("=")
        if not equals or not variable.isidentifier():
            raise not_a(name, text, "NAME=VALUE", self.range)
        self.check(name, {variable: value})
        return {variable: _json_or_text(value)}

    def check(self, name: str, value: Mapping[str, object]) -> None:
        for variable in _OUR_VARIABLES & value.keys():
            raise InvalidSetting(
                _("{name} can't set {variable}: r1local does", name=name, variable=variable),
                _("leave --template-arg out"),
            )

    def plain(self, value: Mapping[str, object] | None) -> str:
        return " ".join(f"{name}={each}" for name, each in (value or {}).items())


class FieldValues(Assignments):
    """Fields of a preset's prompt, with values that are texts."""

    range = N_("NAME=VALUE, as in --field language=French")

    def parse(self, name: str, text: str) -> dict[str, object]:
        field, equals, value = text.partition("=")
        if not equals or not field.isidentifier():
            raise not_a(name, text, "NAME=VALUE", self.range)
        return {field: value}

    def check(self, name: str, value: Mapping[str, object]) -> None:
        for field, text in value.items():
            require(isinstance(text, str), f"{name} {field}", "text")


class Address:
    """The host and port of a server."""

    metavar = "HOST:PORT"
    range = "HOST:PORT"

    def parse(self, name: str, text: str) -> str:
        self.check(name, text)
        return text

    def check(self, name: str, value: str) -> None:
        host, _colon, port = value.partition(":")
        if not host or not port.isascii() or not port.isdecimal():
            raise not_a(
                name, value, self.range, _("{range}, as in desk:50052", range=_(self.range))
            )
        require(
            0 < int(port[:6]) < 2**16,
            _("the port of {name} {value}", name=name, value=value),
            _("from 1 to 65535"),
        )

    def plain(self, value: str) -> str:
        return value


class Several(NamedTuple):
    """Values of one kind with commas between; words may stand for None, and for no value at all."""

    each: Kind
    example: str
    nothing: str | None = None
    empty: str | None = None

    @property
    def metavar(self) -> str:
        words = "".join(f"|{word}" for word in (self.nothing, self.empty) if word)
        return f"<{self.example}{words}>"

    @property
    def range(self) -> str:
        return _(
            "{range}, as in {example}{empty}{nothing}",
            range=self.each.range,
            example=self.example,
            empty=or_word(self.empty),
            nothing=or_word(self.nothing),
        )

    def parse(self, name: str, text: str) -> tuple[Any, ...] | None:
        if text.lower() in (self.nothing, self.empty):
            return None if text.lower() == self.nothing else ()
        parts = [part.strip() for part in text.split(",")]
        if not all(parts):
            raise InvalidSetting(
                _("{name} {text!r} lacks a value", name=name, text=text),
                _("it must be {range}", range=_(self.range)),
            )
        value = tuple(self.each.parse(name, part) for part in parts)
        self.check(name, value)
        return value

    def check(self, name: str, value: tuple[Any, ...] | None) -> None:
        for each in value or ():
            self.each.check(name, each)
        require(value is not None or self.nothing is not None, f"{name} {value}", self.range)

    def plain(self, value: tuple[Any, ...] | None) -> str:
        if not value:
            return (self.nothing if value is None else self.empty) or ""
        return ",".join(as_text(self.each.plain(each)) for each in value)


class Shares(Several):
    """Numbers in proportion to which something is divided: not all of them are 0."""

    def check(self, name: str, value: tuple[Any, ...] | None) -> None:
        super().check(name, value)
        if value and not any(value):
            told = _("{name} gives no device anything", name=name)
            raise InvalidSetting(told, _("give one a share above 0"))


def _json_or_text(text: str) -> object:
    if text.lower() in _JSON_WORDS:
        return _JSON_WORDS[text.lower()]
    import json  # most commands have no such value

    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # RecursionError: brackets nested too deeply
        return text
