"""What the terminal can do, as far as its variables tell."""

import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from r1local.events.finding import Finding, ok, warning
from r1local.language import N_, _

_AREA = "terminal"
#: Columns below which the chat's screen and tables are hard to read.
_NARROW = 40
#: rich's names of colour systems, in words.
_COLOURS = {
    "": N_("no colours"),
    "standard": N_("16 colours"),
    "windows": N_("16 colours"),
    "256": N_("256 colours"),
    "truecolor": N_("all colours"),
}


@dataclass(frozen=True, slots=True)
class TerminalFacts:
    """What is known of the terminal without asking it.

    Args:
        interactive: whether the output is a terminal at all.
        name: TERM.
        colours: the colours that are used, as rich calls them; empty for none.
        columns, lines: its size in cells.
        osc52: whether programs can copy to its clipboard; None if that is unknown.
        clipboard: the program that copies otherwise; empty without one.
    """

    interactive: bool
    name: str
    colours: str
    columns: int
    lines: int
    osc52: bool | None
    clipboard: str


def judged_terminal(facts: TerminalFacts) -> Iterator[Finding]:
    """Yield what is known of the terminal, and a line for each thing that could be better."""
    charset = _charset()
    text = " · ".join([_words(facts), charset or _("charset unknown"), _copying(facts)])
    yield ok(_AREA, text, asdict(facts) | {"charset": charset})
    if facts.interactive and facts.name == "dumb":
        text = _("TERM=dumb: no colours, and the chat has no panes")
        yield warning(_AREA, text, _("if yours can do more, name it"), "export TERM=xterm-256color")
    if charset and not re.fullmatch(r"utf-?8", charset, re.IGNORECASE):
        text = _(
            "the locale's charset is {charset}: many characters are shown wrongly", charset=charset
        )
        yield warning(_AREA, text, _("use UTF-8"), "export LC_ALL=C.UTF-8")
    if facts.interactive and facts.columns < _NARROW:
        text = _("{columns} columns are too few for panes and tables", columns=facts.columns)
        yield warning(
            _AREA, text, _("make the window {narrow} columns wide or more", narrow=_NARROW)
        )


def _words(facts: TerminalFacts) -> str:
    name = facts.name or _("TERM unset")
    if not facts.interactive:
        return _("{name} · the output goes to a pipe or a file", name=name)
    return f"{name} · {facts.columns}×{facts.lines} · {_(_COLOURS[facts.colours])}"


def _copying(facts: TerminalFacts) -> str:
    known = {True: "OSC 52", False: _("no OSC 52"), None: _("OSC 52 unknown")}[facts.osc52]
    return (
        _("copying by {clipboard}, {known}", clipboard=facts.clipboard, known=known)
        if facts.clipboard
        else known
    )


def _charset() -> str:
    """Return the charset of the locale as its variables name it; empty if they don't.

    The first of them that is set counts (POSIX, 8.2 "Internationalization Variables").
    """
    names = ("LC_ALL", "LC_CTYPE", "LANG")
    locale = next((value for name in names if (value := os.environ.get(name))), "")
    return locale.partition(".")[2].partition("@")[0]
