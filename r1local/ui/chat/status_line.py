"""The chat's status line: which model, how full its context is, how fast it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from prompt_toolkit.formatted_text import StyleAndTextTuples

from r1local.language import _
from r1local.ui.cells import cell_len, cut
from r1local.ui.safe_text import visible_line
from r1local.ui.wording import known

_METER_CELLS = 10
#: From this part of the context on, the meter warns.
_NEARLY_FULL = 0.85
_BETWEEN = " · "
_MOST_WAITING_ROWS = 3


@dataclass(frozen=True, slots=True)
class Status:
    """What there is to say; `busy` comes first, while it lasts.

    `form` is what answers are held to. The numbers of the context are None if they aren't known.

    `waiting` holds the questions that were sent and wait for the reply before theirs.
    """

    model: str = ""
    details: str = ""
    context_used: int | None = 0
    context_window: int | None = 0
    tokens_per_s: float = 0.0
    form: str = ""
    session: str = ""
    busy: str = ""
    mode: str = ""
    hint: str = ""
    waiting: tuple[str, ...] = ()


def status_row(status: Status, width: int) -> StyleAndTextTuples:
    """Return one row of at most `width` cells: what matters least is left out first."""
    used, window = status.context_used, status.context_window
    full = used / window if used and window else 0.0
    cells = min(round(full * _METER_CELLS), _METER_CELLS)
    warning = "class:error" if full >= _NEARLY_FULL else ""
    pace = (
        _("{tokens_per_s:.0f} tokens/s", tokens_per_s=status.tokens_per_s)
        if status.tokens_per_s
        else ""
    )
    # In their order on the screen, each with its rank: the highest is left out first.
    parts = [
        (1, "class:busy", status.busy),
        (2, "", status.mode),
        (4, "", status.model),
        (7, "", status.details),
        (6, warning, "▓" * cells + "░" * (_METER_CELLS - cells) if window else ""),
        (3, warning, f"{known(used)}/{known(window)}" if window else ""),
        (5, "", pace),
        (8, "", status.form),
        (9, "", status.session),
        (10, "", status.hint),
    ]
    parts = [(rank, style, visible_line(text)) for rank, style, text in parts if text]
    while len(parts) > 1 and _width(parts) > width:
        parts.remove(max(parts))
    row: StyleAndTextTuples = []
    for _rank, style, text in parts:
        row += [("", _BETWEEN)] if row else []
        row.append((style, text))
    return row


def waiting_rows(waiting: Sequence[str], width: int) -> StyleAndTextTuples:
    """Return a row for each waiting question; the last ones are only counted."""
    lines = [
        _("waits: {visible_line}", visible_line=visible_line(" ".join(text.split())))
        for text in waiting
    ]
    if len(lines) > _MOST_WAITING_ROWS:
        lines[_MOST_WAITING_ROWS - 1 :] = [
            _("and {count} more wait", count=len(lines) - _MOST_WAITING_ROWS + 1)
        ]
    return [("class:waiting", "\n".join(cut(line, width) for line in lines))] if lines else []


def _width(parts: list[tuple[int, str, str]]) -> int:
    return sum(cell_len(text) for _, _, text in parts) + len(_BETWEEN) * (len(parts) - 1)
