"""`r1local sessions`: the conversations on this machine."""

import json
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from r1local.config.options import ModelFormat
from r1local.errors import EXIT_ERROR, EXIT_OK, SessionError, UsageError
from r1local.language import _
from r1local.sessions.export import export_json, export_markdown, write_document
from r1local.sessions.folder import (
    SessionSummary,
    checked_name,
    delete_session,
    find_session,
    read_session,
    saved_sessions,
)
from r1local.sessions.search import search_texts
from r1local.ui.console import console_for, print_error, print_notice
from r1local.ui.pager import paged
from r1local.ui.questions import agreed, can_ask
from r1local.ui.safe_text import visible, visible_json
from r1local.ui.tables import Column, print_table
from r1local.ui.transcripts import print_hit, print_turns, wrapped
from r1local.units import disk_size

#: The most sessions that a question names.
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What `export` was asked for; `output` None means stdout, `force` overwrites a file."""

    name: str
    output_format: Literal["markdown", "json"]
    thoughts: bool
    output: Path | None
    force: bool = False
    all_branches: bool = False


def list_sessions(output_format: ModelFormat) -> int:
    """Print the sessions on stdout, the one used last first; return the exit code."""
    found = saved_sessions()
    if output_format == "json":
        _print_json(map(_described, found))
        return EXIT_OK
    if not found:
        print_notice(console_for(sys.stderr), _("no conversation is kept here; begin one: r1local"))
        return EXIT_OK
    columns = (
        Column(_("NAME"), [each.name for each in found], 6),
        Column(_("TITLE"), [each.title or "?" for each in found], 5),
        Column(_("LAST USED"), [_minute(each.last_used) for each in found], 4),
        Column(_("MODEL"), [each.model or "-" for each in found], 2),
        Column(_("TURNS"), [str(each.turns) for each in found], 3, right=True),
        Column(_("SIZE"), [disk_size(each.size) for each in found], 1, right=True),
    )
    print_table(console_for(sys.stdout), columns)
    return EXIT_OK


def show_session(name: str, *, thoughts: bool) -> int:
    """Print a conversation on stdout: through a pager on a terminal, as Markdown in a pipe.

    Raises:
        SessionError: there is none of that name, or it can't be read.
    """
    console = console_for(sys.stdout)
    if not console.is_terminal:
        return export_session(ExportOptions(name, "markdown", thoughts, None))
    transcript = read_session(name)
    with paged(console) as shown:
        places = transcript.alternatives
        print_turns(shown, transcript.turns, thoughts=thoughts, places=places)
    return EXIT_OK


def export_session(options: ExportOptions) -> int:
    """Write a document of a conversation; return the exit code.

    Raises:
        SessionError: there is none of that name, it can't be read, or the file not written.
    """
    transcript = read_session(options.name)
    export = export_json if options.output_format == "json" else export_markdown
    document = export(
        transcript.turns,
        title=transcript.title,
        model=transcript.model,
        thoughts=options.thoughts,
        system=transcript.system,
        everything=transcript.everything if options.all_branches else (),
    )
    if options.output_format == "json":
        document = visible_json(document)
    if options.output is None:
        console = console_for(sys.stdout)
        shown = wrapped(console, visible(document)) if console.is_terminal else document
        sys.stdout.write(shown)
        return EXIT_OK
    write_document(options.output, document, force=options.force)
    return EXIT_OK


def search_sessions(words: Sequence[str], output_format: ModelFormat) -> int:
    """Print the texts that have all words, as they are found; return the exit code."""
    if not all(word.strip() for word in words):
        raise UsageError(_("there is an empty word to search for"), _("give words"))
    hits = search_texts(words)
    if output_format == "json":
        _print_json(map(asdict, hits))
        return EXIT_OK
    console, found = console_for(sys.stdout), False
    for hit in hits:
        part: str = hit.part
        if console.is_terminal:
            part = hit.part_words
            part = part if hit.shown else _("{part}, another branch", part=part)
        print_hit(console, hit.session, hit.place, part, hit.excerpt)
        found = True
    if not found:
        print_notice(console_for(sys.stderr), _("nothing was found"))
    return EXIT_OK


def rename_session(name: str, new: str) -> int:
    """Give a session another name; return the exit code.

    Raises:
        UsageError: it can't be a name.
        InvalidSetting: another session has it.
        SessionError: there is none of that name, or it is in use.
    """
    from r1local.sessions.session import Session  # which a list doesn't need

    checked_name(new)  # before anything is opened
    session = Session.open(name)
    try:
        session.rename(new)
    finally:
        session.close()
    print_notice(
        console_for(sys.stderr),
        _("session {old_name} is {new_name} now", old_name=name, new_name=session.name),
    )
    return EXIT_OK


def remove_sessions(names: Sequence[str], older_than: int | None, *, yes: bool) -> int:
    """Remove sessions; return the exit code: 1 if the user says no, or if one can't be removed.

    Args:
        names: which ones; all of them must exist.
        older_than: in place of names, the seconds for which those to remove weren't used.
        yes: don't ask.

    Raises:
        SessionError: there is none of one of the names.
        UsageError: it isn't clear which ones, or there is nobody to ask.
    """
    wanted = _wanted(names, older_than)
    if not wanted:
        print_notice(console_for(sys.stderr), _("no session is as old as that"))
        return EXIT_OK
    if not (yes or _agreed_to_remove(wanted)):
        return EXIT_ERROR
    code = EXIT_OK
    for each in wanted:
        try:
            freed = disk_size(delete_session(each.name))
            print_notice(
                console_for(sys.stderr),
                _("removed session {name}; {freed} freed", name=each.name, freed=freed),
            )
        except SessionError as error:
            print_error(sys.stderr, error.message, error.hint)
            code = EXIT_ERROR
    return code


def _wanted(names: Sequence[str], older_than: int | None) -> list[SessionSummary]:
    """Return the sessions to remove, each of them once."""
    if bool(names) == (older_than is not None):
        hint = _("r1local sessions rm NAME…, or for example: r1local sessions rm --older-than 30d")
        raise UsageError(_("give names of sessions, or --older-than with a time"), hint)
    if older_than == 0:
        raise UsageError(_("--older-than needs a time"), _("such as --older-than 30d"))
    if older_than is None:
        return list({each.name: each for each in map(find_session, names)}.values())
    last = datetime.now(UTC) - timedelta(seconds=older_than)
    return [each for each in saved_sessions() if each.last_used < last]


def _agreed_to_remove(wanted: Sequence[SessionSummary]) -> bool:
    """Ask before sessions are removed: one by its name and title, several below their list."""
    names = [each.name for each in wanted]
    what = (
        _("session {name}", name=names[0])
        if len(names) == 1
        else _("{count:,} sessions", count=len(names))
    )
    if not can_ask():
        raise UsageError(
            _("rm asks before it removes {what}, and there is nobody to ask", what=what),
            _(
                "say so at once: {command}",
                command=shlex.join(["r1local", "sessions", "rm", "--yes", *names]),
            ),
        )
    abouts = [f'"{each.title}"' if each.title else _("which is damaged") for each in wanted]
    if len(names) == 1:
        return agreed(_("remove {what} ({about})?", what=what, about=abouts[0]))
    err = console_for(sys.stderr)
    for each, about in zip(wanted[:_MOST_NAMED], abouts, strict=False):
        print_notice(
            err,
            _(
                "{name}  {about}, last used {last_used}",
                name=each.name,
                about=about,
                last_used=_minute(each.last_used),
            ),
        )
    if len(names) > _MOST_NAMED:
        print_notice(err, _("and {count:,} more", count=len(names) - _MOST_NAMED))
    return agreed(_("remove these {what} for good?", what=what))


def _described(summary: SessionSummary) -> dict[str, object]:
    """Describe a session for programs. Times are in UTC, sizes in bytes."""
    times = {"started": summary.started.isoformat(), "last_used": summary.last_used.isoformat()}
    return asdict(summary) | times


def _minute(time: datetime) -> str:
    return f"{time.astimezone():%Y-%m-%d %H:%M}"


def _print_json(rows: Iterable[Mapping[str, object]]) -> None:
    print(visible_json(json.dumps(list(rows), ensure_ascii=False)))
