"""The findings of a check-up: a line for each, and at the end what to do."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from r1local.events.finding import Finding, State
from r1local.ui.safe_text import visible_line

_WORDS: Mapping[State, str] = {"ok": "ok", "warning": "warn", "broken": "FAIL"}
_STYLES: Mapping[State, str] = {"ok": "green", "warning": "yellow", "broken": "bold red"}
_WORD_CELLS, _AREA_CELLS = 5, 10
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
    to_do = [finding for state in ("broken", "warning") for finding in _in(state, findings)]
    if not to_do:
        console.print(Text("Everything works.", "green"))
        return
    broken, warnings = len(_in("broken", findings)), len(_in("warning", findings))
    console.print(Text(f"{broken} broken, {warnings} to improve. What to do:", "bold"))
    for advice, areas in _advice(to_do).items():
        console.print(Text(f"{', '.join(areas)}: {visible_line(advice)}"))


def _in(state: str, findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.state == state]


def _advice(findings: Sequence[Finding]) -> dict[str, list[str]]:
    """Return each command, or hint without a command, with the areas that it is for."""
    areas: dict[str, list[str]] = {}
    for finding in findings:
        named = areas.setdefault(finding.command or finding.hint, [])
        if finding.area not in named:
            named.append(finding.area)
    return areas


def _print_finding(console: Console, finding: Finding) -> None:
    style = _STYLES[finding.state]
    head = Text(f"{_WORDS[finding.state]:<{_WORD_CELLS}}", style)
    head.append(f"{finding.area:<{_AREA_CELLS}}", "not bold default")
    wide = console.width >= _WIDE or not console.is_terminal
    indent = head.cell_len if wide else _NARROW_INDENT
    rows = _wrapped(console, visible_line(finding.text), indent)
    if finding.hint:
        rows += _wrapped(console, f"hint: {visible_line(finding.hint)}", indent, style)
    if wide:
        console.print(head + rows.pop(0))
    else:
        console.print(Text(f"{head.plain.rstrip()}", style))
    for row in rows:
        console.print(Text(" " * indent) + row)
    if finding.state == "broken":
        console.print(Text(f"{' ' * indent}run: {visible_line(finding.command)}", style))


def _wrapped(console: Console, text: str, indent: int, style: str = "") -> list[Text]:
    """Return the rows of a text beside an indentation; a pipe has no width."""
    line = Text(text, style)
    if not console.is_terminal:
        return [line]
    return list(line.wrap(console, max(1, console.width - indent), overflow="fold"))
