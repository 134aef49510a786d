"""Text that knows the origin of each of its characters.

A chat template cuts, joins and replaces. Whether a token's text in the prompt is the template's own
or was assembled from what people wrote can't be seen from the result alone: a template that
deletes `/think` turns `<//thinkthink>` into `</think>`. So it receives the texts of messages as
`TracedText`, which passes through a template's operations with an origin for each character, like
the texts of llama.cpp's Jinja with their `is_input`. Where an operation can't be traced exactly,
its whole result counts as people's.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, SupportsIndex

#: Who wrote a character: the template, a message, the system prompt.
TEMPLATE, MESSAGE, SYSTEM = 0, 1, 2

#: Unicode's last private-use plane; its characters stand in for texts that are formatted.
_STAND_INS = 0x100000


class TracedText(str):
    """A text with an origin for each character.

    Args:
        text: the characters.
        origins: a byte for each of them; by default all come from a message.
    """

    __slots__ = ("_origins",)
    _origins: bytes

    def __new__(cls, text: object = "", origins: bytes | None = None) -> "TracedText":
        """Combine a text with its origins."""
        traced = super().__new__(cls, text)
        traced._origins = bytes([MESSAGE]) * len(traced) if origins is None else origins
        return traced

    def __str__(self) -> "TracedText":
        return self

    def __getitem__(self, key: SupportsIndex | slice) -> "TracedText":
        if not isinstance(key, slice):
            # Negative indices work too; the text itself refuses one that is out of range.
            text, place = super().__getitem__(key), range(len(self))[key]
            return TracedText(text, self._origins[place : place + 1])
        return TracedText(super().__getitem__(key), self._origins[key])

    def __iter__(self) -> Iterator["TracedText"]:
        return (self[place] for place in range(len(self)))

    def __add__(self, other: str) -> "TracedText":
        return joined((self, other)) if isinstance(other, str) else NotImplemented

    def __radd__(self, other: str) -> "TracedText":
        return joined((other, self)) if isinstance(other, str) else NotImplemented

    def __mul__(self, times: SupportsIndex) -> "TracedText":
        return TracedText(super().__mul__(times), self._origins * times)

    __rmul__ = __mul__

    def join(self, parts: Iterable[str]) -> "TracedText":
        """Join texts with this one in between."""
        items = list(parts)
        between = [each for part in items for each in (self, part)][1:]
        return joined(between)

    def replace(self, old: str, new: str, count: SupportsIndex = -1) -> "TracedText":
        """Replace one text by another."""
        if not old:
            return joined((claimed(super().replace(old, new, count), (self, new)),))
        return TracedText(new, origins_of(new)).join(self.split(old, count))

    def split(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> Any:
        """Split at separators or white space."""
        return self._found(super().split(sep, maxsplit), sep)

    def rsplit(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> Any:
        """Split at separators or white space, starting from the end."""
        return self._found(super().rsplit(sep, maxsplit), sep)

    def splitlines(self, keepends: bool = False) -> Any:
        """Split into lines."""
        whole = self._found(super().splitlines(keepends=True), "")
        lengths = map(len, super().splitlines(keepends))
        return [line[:length] for line, length in zip(whole, lengths, strict=True)]

    def partition(self, sep: str) -> Any:
        """Split at the first separator."""
        return tuple(self._found(super().partition(sep), ""))

    def rpartition(self, sep: str) -> Any:
        """Split at the last separator."""
        return tuple(self._found(super().rpartition(sep), ""))

    def lstrip(self, chars: str | None = None) -> "TracedText":
        """Remove characters from the beginning."""
        return self[len(self) - len(super().lstrip(chars)) :]

    def rstrip(self, chars: str | None = None) -> "TracedText":
        """Remove characters from the end."""
        return self[: len(super().rstrip(chars))]

    def strip(self, chars: str | None = None) -> "TracedText":
        """Remove characters from both ends."""
        return self.lstrip(chars).rstrip(chars)

    def removeprefix(self, prefix: str) -> "TracedText":
        """Remove a prefix."""
        return self[len(self) - len(super().removeprefix(prefix)) :]

    def removesuffix(self, suffix: str) -> "TracedText":
        """Remove a suffix."""
        return self[: len(super().removesuffix(suffix))]

    def upper(self) -> "TracedText":
        """Return it in upper case."""
        return self._recased(super().upper())

    def lower(self) -> "TracedText":
        """Return it in lower case."""
        return self._recased(super().lower())

    def _recased(self, text: str) -> "TracedText":
        same_length = len(text) == len(self)
        return TracedText(text, self._origins) if same_length else claimed(text, self)

    def _found(self, parts: Sequence[str], separator: str | None) -> list["TracedText"]:
        """Return the parts into which this text was split, each with its origins."""
        place, found = 0, []
        for part in parts:
            if separator is None:  # white space, in which no part begins
                place = self.index(part, place)
            found.append(self[place : place + len(part)])
            place += len(part) + len(separator or "")
        return found


def origins_of(text: str) -> bytes:
    """Return the origin of each character; a plain text is the template's."""
    return text._origins if isinstance(text, TracedText) else bytes(len(text))


def joined(parts: Iterable[str]) -> TracedText:
    """Return the parts as one text."""
    items = list(parts)
    return TracedText("".join(items), b"".join(map(origins_of, items)))


def origin_in(value: object) -> int:
    """Return whose text a value contains, at any depth; the template's if no one else's."""
    if isinstance(value, TracedText):
        return max(value._origins, default=TEMPLATE)
    if isinstance(value, Mapping):
        return max(map(origin_in, (*value.keys(), *value.values())), default=TEMPLATE)
    if isinstance(value, list | tuple | set | frozenset):
        return max(map(origin_in, value), default=TEMPLATE)
    return TEMPLATE


def claimed(result: Any, sources: object) -> Any:
    """Return a text that was made of others, all of it with their origin."""
    if type(result) is list or type(result) is tuple:
        return type(result)(claimed(each, sources) for each in result)
    if not isinstance(result, str) or isinstance(result, TracedText):
        return result
    origin = origin_in(sources)
    return TracedText(result, bytes([origin]) * len(result)) if origin else result


def put_in(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function that formats texts, such as `format`, and trace them into the result."""
    result = function(*args, **kwargs)
    if not isinstance(result, str):
        return claimed(result, (args, kwargs))
    texts: dict[str, str] = {}
    fresh = (mark for mark in map(chr, count(_STAND_INS)) if mark not in result)

    def stand_in(value: Any) -> Any:
        if not isinstance(value, TracedText):
            return value
        mark = next(fresh)
        texts[mark] = value
        return mark

    stand_ins = {name: stand_in(value) for name, value in kwargs.items()}
    form = function(*map(stand_in, args), **stand_ins)
    if texts:
        pieces = re.split("([" + "".join(texts) + "])", form)
        followed = joined(texts.get(piece, piece) for piece in pieces)
        if str.__eq__(followed, result):
            return followed
    return claimed(result, (args, kwargs))


def runs(text: str) -> list[tuple[int, int]]:
    """Return the origins of a text in short form: pairs of a number of characters and an origin."""
    found = re.finditer(rb"(.)\1*", origins_of(text), re.DOTALL)
    return [(len(run.group()), run.group()[0]) for run in found]
