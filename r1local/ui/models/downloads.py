"""Downloads shown on the screen, in a log, or as JSON events."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import (
    Progress as Bars,
)

from r1local.config.options import ModelFormat
from r1local.events.download import DownloadNotice, Progress
from r1local.language import _
from r1local.ui.console import can_repaint, console_for, print_notice
from r1local.ui.safe_text import visible_json, visible_line
from r1local.ui.tables import Column, print_table
from r1local.ui.wording import duration
from r1local.units import disk_size

#: Seconds between two lines of progress in a log, and between two JSON events.
_LOG_INTERVAL_S, _JSON_INTERVAL_S = 60.0, 0.5
#: Terminal columns below which a bar shows only its name and percentage.
_WIDE = 70


class DownloadDisplay(Protocol):
    """Display of the downloads of one command."""

    def notify(self, message: str) -> None:
        """Show a message on a line of its own."""

    def begin(self, files: Sequence[tuple[str, int]]) -> None:
        """Prepare for the downloads of these files, given with their sizes in bytes."""

    def file(self, name: str) -> None:
        """Show that the download of a file starts."""

    def report(self, event: Progress | DownloadNotice) -> None:
        """Show the progress of the current file, or a notice."""

    def done(self, path: str) -> None:
        """Show that a model is complete, and where it is."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def display_for(output_format: ModelFormat) -> DownloadDisplay:
    """Return a display: JSON events on stdout, bars on a terminal, or a line per minute."""
    if output_format == "json":
        return JsonDisplay()
    console = console_for(sys.stderr)
    return BarDisplay(console) if can_repaint(console) else LogDisplay(console)


class _Totals:
    """The progress of all files together, and their speed."""

    def __init__(self) -> None:
        self.total = 0
        self.done = 0
        self._finished = 0
        self._size = 0
        self._at_start: int | None = None
        self._started = monotonic()

    def begin(self, files: Sequence[tuple[str, int]]) -> None:
        self.total, self.done = sum(size for _, size in files), 0
        self._finished = self._size = 0
        self._at_start, self._started = None, monotonic()

    def report(self, progress: Progress) -> None:
        if self._at_start is None:
            self._at_start = progress.done
        self._size = progress.total
        self.done = self._finished + progress.done

    def next_file(self) -> None:
        self._finished, self._size = self._finished + self._size, 0

    @property
    def speed(self) -> float:
        """Bytes per second since the start, not counting what was there already."""
        return (self.done - (self._at_start or 0)) / max(1e-3, monotonic() - self._started)


class LogDisplay:
    """A log with a line at the start and the end, and one every minute."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._totals = _Totals()
        self._next_line = 0.0

    def notify(self, message: str) -> None:
        print_notice(self._console, message)

    def begin(self, files: Sequence[tuple[str, int]]) -> None:
        self._totals.begin(files)
        self._next_line = monotonic() + _LOG_INTERVAL_S

    def file(self, name: str) -> None:
        self._totals.next_file()
        self.notify(_("downloading {name}", name=name))

    def report(self, event: Progress | DownloadNotice) -> None:
        if isinstance(event, DownloadNotice):
            self.notify(event.message)
            return
        totals = self._totals
        totals.report(event)
        if monotonic() >= self._next_line:
            self._next_line = monotonic() + _LOG_INTERVAL_S
            self.notify(
                _(
                    "{done} of {total} ({percent:.0f} %), {speed:.1f} MB/s",
                    done=disk_size(totals.done),
                    total=disk_size(totals.total),
                    percent=100 * totals.done / totals.total,
                    speed=totals.speed / 1000000.0,
                )
            )

    def done(self, path: str) -> None:
        self.notify(_("done: {path}", path=path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


class JsonDisplay:
    """JSON events on stdout, one object per line, flushed."""

    def __init__(self) -> None:
        self._name = ""
        self._next_event = 0.0
        self._whole = False

    def notify(self, message: str) -> None:
        self._print({"type": "notice", "message": message})

    def begin(self, files: Sequence[tuple[str, int]]) -> None:
        named = [{"name": name, "size": size} for name, size in files]
        self._print({"type": "begin", "files": named})

    def file(self, name: str) -> None:
        self._name, self._next_event, self._whole = name, 0.0, False

    def report(self, event: Progress | DownloadNotice) -> None:
        if isinstance(event, DownloadNotice):
            self.notify(event.message)
        elif monotonic() >= self._next_event or (event.done == event.total and not self._whole):
            self._whole = event.done == event.total
            self._next_event = monotonic() + _JSON_INTERVAL_S
            line = {"type": "progress", "file": self._name, "done": event.done}
            self._print(line | {"total": event.total})

    def done(self, path: str) -> None:
        self._print({"type": "done", "path": path})

    @staticmethod
    def _print(event: dict[str, object]) -> None:
        print(visible_json(json.dumps(event, ensure_ascii=False)), flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


class LineDisplay:
    """A line that says how far the downloads are, and messages, both shown by others.

    Args:
        show: shows the line, and the share that is done.
        tell: shows a message.
    """

    def __init__(self, show: Callable[[str, float], None], tell: Callable[[str], None]) -> None:
        self._show = show
        self._tell = tell
        self._totals = _Totals()
        self._name = ""

    def notify(self, message: str) -> None:
        self._tell(message)

    def begin(self, files: Sequence[tuple[str, int]]) -> None:
        self._totals.begin(files)

    def file(self, name: str) -> None:
        self._totals.next_file()
        self._name = name.rpartition("/")[2]

    def report(self, event: Progress | DownloadNotice) -> None:
        if isinstance(event, DownloadNotice):
            self.notify(event.message)
            return
        totals = self._totals
        totals.report(event)
        share = totals.done / max(totals.total, 1)
        told = [_("downloading: {percent:.0f} %", percent=100 * share)]
        if speed := totals.speed:
            told.append(
                _("{duration} left", duration=duration((totals.total - totals.done) / speed))
            )
            told.append(_("{speed:.1f} MB/s", speed=speed / 1000000.0))
        told += [
            _("{done} of {total}", done=disk_size(totals.done), total=disk_size(totals.total)),
            self._name,
        ]
        self._show(" · ".join(told), share)

    def done(self, path: str) -> None:
        """Say nothing: whoever shows the line goes on."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


class BarDisplay:
    """A progress bar for the current file, and one for all files if there are several."""

    def __init__(self, console: Console) -> None:
        self._console = console
        wide = console.width >= _WIDE
        more = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()) if wide else ()
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            *more,
            console=console,
            expand=True,
            refresh_per_second=8,
        )
        self._sizes: dict[str, int] = {}
        self._file: TaskID | None = None
        self._all: TaskID | None = None
        self._totals = _Totals()

    def notify(self, message: str) -> None:
        self._console.print(visible_line(message), style="note", soft_wrap=False)

    def begin(self, files: Sequence[tuple[str, int]]) -> None:
        self._sizes = dict(files)
        self._totals.begin(files)
        if len(files) > 1:
            self._all = self._bars.add_task(
                _("all {count} files", count=len(files)), total=self._totals.total
            )

    def file(self, name: str) -> None:
        self._totals.next_file()
        if self._file is not None:
            self._bars.remove_task(self._file)
        shown = visible_line(name.rpartition("/")[2])
        most = max(12, self._console.width // 3)
        short = shown if len(shown) <= most else f"…{shown[1 - most :]}"
        self._file = self._bars.add_task(short, total=self._sizes.get(name))

    def report(self, event: Progress | DownloadNotice) -> None:
        if isinstance(event, DownloadNotice):
            self.notify(event.message)
            return
        self._totals.report(event)
        if self._file is not None:
            self._bars.update(self._file, completed=event.done)
        if self._all is not None:
            self._bars.update(self._all, completed=self._totals.done)

    def done(self, path: str) -> None:
        for task in self._bars.task_ids:
            self._bars.remove_task(task)
        self._file = self._all = None
        self.notify(_("done: {path}", path=path))

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that can be pulled, with the size of its default file in bytes.

    `fit` says where it would run.
    """

    name: str
    summary: str
    size: int
    fit: str


def ask_which(console: Console, offers: Sequence[Offer]) -> str | None:
    """Let the user choose a model by number or name; return None if none was chosen."""
    columns = (
        Column("", [str(number) for number in range(1, len(offers) + 1)], 5, right=True),
        Column(_("MODEL"), [offer.name for offer in offers], 7),
        Column(_("SIZE"), [disk_size(offer.size) for offer in offers], 6, right=True),
        Column(_("FIT"), [offer.fit for offer in offers], 4),
        Column(_("ABOUT"), [offer.summary for offer in offers], 1),
    )
    print_table(console, columns)
    try:
        answer = console.input(_("which model? ")).strip()
    except (EOFError, KeyboardInterrupt):
        return None
    if answer.isdigit() and 1 <= int(answer) <= len(offers):
        return offers[int(answer) - 1].name
    return answer or None
