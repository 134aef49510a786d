"""What there is to type and to press, as rows for any width."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from r1local.ui.cells import cell_len, fitted
from r1local.ui.chat.items import Row
from r1local.ui.markdown.wrapping import wrap

#: The most cells of the first column: what is longer has a row of its own.
_WIDEST = 26
#: Columns below which what a thing does stands below its name.
_NARROW = 60
_INDENT = "  "


@dataclass(frozen=True, slots=True)
class HelpSection:
    """Things of one kind, each with what it does."""

    title: str
    entries: Sequence[tuple[str, str]]


def help_rows(sections: Iterable[HelpSection], width: int) -> Iterator[str]:
    """Yield the rows of a help, none wider than `width` cells unless that is hardly any."""
    for number, section in enumerate(sections):
        if number:
            yield ""
        yield section.title
        column = min(max(cell_len(name) for name, _ in section.entries), _WIDEST) + 2
        indent = len(_INDENT) if width < _NARROW else column
        for name, told in section.entries:
            yield from _entry(name, wrapped(told, width - indent), indent, width)


def _entry(name: str, told: list[str], indent: int, width: int) -> Iterator[str]:
    if cell_len(name) + 2 > indent:
        yield from wrapped(name, width)
    else:
        first, *told = told
        yield fitted(name, indent) + first
    for row in told:
        yield " " * indent + row


def wrapped(text: str, width: int) -> list[str]:
    """Break a text into rows."""
    return [row.plain for row in wrap(Text(text), max(width, 1), by_phrase=True)]


class HelpText:
    """A help as an item of a pane."""

    def __init__(self, sections: Sequence[HelpSection]) -> None:
        self._sections = sections
        self._drawn: tuple[int, list[Row]] = (0, [])

    def finished(self, width: int) -> list[Row]:
        """Return all rows; titles are bold."""
        if self._drawn[0] != width:
            titles = {section.title for section in self._sections}
            rows = help_rows(self._sections, width)
            drawn = [[("class:question" if row in titles else "", row)] for row in rows]
            self._drawn = width, drawn
        return self._drawn[1]

    def live(self, width: int) -> list[Row]:  # noqa: ARG002
        """Return nothing."""
        return []
