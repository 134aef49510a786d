"""The findings of a check-up: a line for each, and at the end what to do."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from r1local.events.finding import Finding, State
from r1local.language import N_, _
from r1local.ui.cells import cell_len, fitted
from r1local.ui.console import can_repaint
from r1local.ui.markdown.wrapping import wrap
from r1local.ui.safe_text import visible_line

_WORDS: Mapping[State, str] = {"ok": N_("ok"), "warning": N_("warn"), "broken": N_("FAIL")}
#: What is looked at, as findings name it.
_AREAS = (
    N_("versions"),
    "llama.cpp",
    N_("cores"),
    N_("memory"),
    N_("GPUs"),
    N_("disk"),
    N_("hub"),
    N_("proxies"),
    N_("sessions"),
    N_("terminal"),
    N_("settings"),
    N_("self-test"),
    N_("system"),
)
_ROLES: Mapping[State, str] = {"ok": "success", "warning": "warning", "broken": "error"}
_WORD_CELLS = 5
#: Columns from which on the text stands beside its area, and those that it indents otherwise.
_WIDE, _NARROW_INDENT = 60, 2


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Print a line for each finding, wrapped on a terminal, and what to do if it isn't ok.

    Commands are never cut or wrapped, so that they can be copied.
    """
    for finding in findings:
        _print_finding(console, finding)


def print_advice(console: Console, findings: Sequence[Finding]) -> None:
    """Print the last lines: what to do, what is broken first; or that nothing has to be done."""
    broken, warnings = _in("broken", findings), _in("warning", findings)
    if not broken and not warnings:
        console.print(Text(_("Everything works."), _ROLES["ok"]))
        return
    told = _(
        "{broken} broken, {warnings} to improve. What to do:",
        broken=len(broken),
        warnings=len(warnings),
    )
    console.print(Text(told, _ROLES["broken" if broken else "warning"]))
    done = set[str]()
    for finding in (*broken, *warnings):
        if finding.command in done:
            continue
        advice = f"{_(finding.area)}: {visible_line(_advice(finding))}"
        for row in _wrapped(console, advice, 0):
            console.print(row)
        if finding.command:
            done.add(finding.command)
            console.print(Text(f"  {visible_line(finding.command)}", "heading"))


def _in(state: State, findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.state == state]


def _advice(finding: Finding) -> str:
    """Return what to do in words, or what it is about where a command says it all."""
    return finding.hint or finding.text


def _print_finding(console: Console, finding: Finding) -> None:
    style = _ROLES[finding.state]
    head = Text().append(fitted(_(_WORDS[finding.state]), _WORD_CELLS), style)
    head.append(fitted(_(finding.area), _area_cells()))
    beside = console.width >= _WIDE or not can_repaint(console)
    indent = head.cell_len if beside else _NARROW_INDENT
    rows = _wrapped(console, visible_line(finding.text), indent)
    if finding.hint:
        rows += _wrapped(console, _("hint: {hint}", hint=visible_line(finding.hint)), indent, style)
    if finding.state == "broken":
        rows.append(Text(_("run: {command}", command=visible_line(finding.command)), style))
    first = [head + rows.pop(0)] if beside else [Text(head.plain.rstrip(), style)]
    for row in (*first, *(Text(" " * indent) + row for row in rows)):
        console.print(row)


def _area_cells() -> int:
    return 1 + max(cell_len(_(area)) for area in _AREAS)


def _wrapped(console: Console, text: str, indent: int, style: str = "") -> list[Text]:
    """Return the rows of a text beside an indentation; whatever has no known width gets one row."""
    line = Text(text, style)
    return (
        wrap(line, max(1, console.width - indent), by_phrase=True)
        if can_repaint(console)
        else [line]
    )
